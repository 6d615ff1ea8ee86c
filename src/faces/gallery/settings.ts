import { FacegraphError } from '../../errors.ts';

/** The longest retention of a gallery, in days. */
export const MAX_DAYS = 36_500;

/**
 * A retention in days as a client gives it: null for ever, undefined unsaid.
 * @throws FacegraphError `InvalidInput`.
 */
export function retention(days: number | null | undefined): number | null | undefined {
  if (days != null && !(days >= 1 && days <= MAX_DAYS))
    throw new FacegraphError('InvalidInput', `a retention has 1 to ${MAX_DAYS} days`);
  return days;
}
