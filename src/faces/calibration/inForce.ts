import type { Calibration, Gallery, PrismaClient } from '../../generated/prisma/client.ts';
import type { OperatingPoint } from '../statistics/errorRates.ts';
import type { FmrCurve } from './decide.ts';
import { fingerprint } from './fingerprint.ts';
import type { PromisedPoint } from './measure.ts';

/** The calibrations that hold now, by gallery: none that was made with other weights or another crop. */
export async function calibrationsInForce(
  db: Pick<PrismaClient, 'calibration'>,
  galleries: readonly Pick<Gallery, 'id' | 'model'>[],
): Promise<Map<string, Calibration>> {
  if (galleries.length === 0) return new Map();
  const found = await db.calibration.findMany({
    where: { voidedAt: null, galleryId: { in: galleries.map(({ id }) => id) } },
  });
  const modelOf = new Map(galleries.map(({ id, model }) => [id, model]));
  const holding = found.filter(
    (one) => one.fingerprint === fingerprint(modelOf.get(one.galleryId)!),
  );
  return new Map(holding.map((one) => [one.galleryId, one]));
}

/** The rates by threshold that a calibration holds. Only this program writes them. */
export function curveOf({ curve }: Pick<Calibration, 'curve'>): readonly OperatingPoint[] {
  return curve as unknown as readonly OperatingPoint[];
}

/** The thresholds at promised rates that a calibration holds. */
export function pointsOf({ points }: Pick<Calibration, 'points'>): readonly PromisedPoint[] {
  return points as unknown as readonly PromisedPoint[];
}

/** A calibration as decisions need it. */
export function fmrCurve(calibration: Calibration): FmrCurve {
  return { impostorPairs: calibration.impostorPairs, curve: curveOf(calibration) };
}
