import { FacegraphError } from '../../errors.ts';
import { type Gallery, Prisma } from '../../generated/prisma/client.ts';
import { checkedLimits, LIMIT_NAMES, type QualityLimits } from '../quality/limits.ts';

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

/** The limits that a gallery has of its own. */
export function qualityLimits({ qualityLimits: own }: Pick<Gallery, 'qualityLimits'>) {
  return own as QualityLimits | null;
}

/**
 * How the database holds limits that a client gives: those that are not the standard; undefined unsaid.
 * @param own what of them holds already and is not said again.
 * @throws FacegraphError `InvalidInput`.
 */
export function limitsColumn(
  limits: QualityLimits | null | undefined,
  own: QualityLimits | null = null,
): Prisma.InputJsonObject | typeof Prisma.DbNull | undefined {
  if (limits === undefined) return undefined;
  const all = limits && { ...own, ...defined(checkedLimits(limits)) };
  const set = LIMIT_NAMES.filter((name) => all?.[name] != null);
  return set.length === 0
    ? Prisma.DbNull
    : Object.fromEntries(set.map((name) => [name, all?.[name] as number]));
}

function defined(limits: QualityLimits): QualityLimits {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
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
