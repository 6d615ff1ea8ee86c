import { FacegraphError } from '../../errors.ts';

/** The longest retention of a gallery, in days. */
export const MAX_DAYS = 36_500;
/** Bounds of a gallery's false hit rate. */
export const MIN_FALSE_HIT_RATE = 1e-6;
export const MAX_FALSE_HIT_RATE = 0.5;

/**
 * A retention in days as a client gives it: null for ever, undefined unsaid.
 * @throws FacegraphError `InvalidInput`.
 */
export function retention(days: number | null | undefined): number | null | undefined {
  if (days != null && !(days >= 1 && days <= MAX_DAYS))
    throw new FacegraphError('InvalidInput', `a retention has 1 to ${MAX_DAYS} days`);
  return days;
}

/**
 * A stranger's chance of a false hit as a client gives it: null for the usual one, undefined unsaid.
 * @throws FacegraphError `InvalidInput`.
 */
export function falseHitRate(rate: number | null | undefined): number | null | undefined {
  if (rate != null && !(rate >= MIN_FALSE_HIT_RATE && rate <= MAX_FALSE_HIT_RATE))
    throw new FacegraphError(
      'InvalidInput',
      `a false hit rate is ${MIN_FALSE_HIT_RATE} to ${MAX_FALSE_HIT_RATE}`,
    );
  return rate;
}
