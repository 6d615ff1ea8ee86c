import type { MaskReport, MaskRisk, Prisma } from '../../generated/prisma/client.ts';
import type { MaskCondition, MaskFigures, MaskGroup } from '../evaluation/maskFigures.ts';

/** A mask report that is not stored yet. */
export interface NewMaskReport
  extends Pick<
    MaskReport,
    'galleryId' | 'model' | 'fingerprint' | 'seed' | 'fmrAsked' | 'identities' | 'faces' | 'lost'
  > {
  readonly figures: MaskFigures;
}

/** The error rates that a report holds. */
export type StoredFigures = Stored<{
  readonly conditions: readonly MaskCondition[];
  readonly groups: readonly MaskGroup[];
}>;

/** The same as JSON has it, which knows no NaN. */
export type Stored<T> = T extends number
  ? number | null
  : T extends string
    ? T
    : { readonly [K in keyof T]: Stored<T[K]> };

/**
 * Stores a report. In a transaction that has locked the gallery: whoever was erased until then is left
 * out, whoever is later goes by the rows of `MaskRisk`.
 */
export async function storeMaskReport(
  tx: Prisma.TransactionClient,
  { figures, ...made }: NewMaskReport,
): Promise<MaskReport> {
  const { fmr, conditions, groups, people } = figures;
  const present = await tx.identity.findMany({
    where: { galleryId: made.galleryId, id: { in: people.map(({ identity }) => identity) } },
    select: { id: true },
  });
  const ids = new Set(present.map(({ id }) => id));
  const risks = people
    .filter(({ identity }) => ids.has(identity))
    .map(({ identity, rise, ...risk }, place): Omit<MaskRisk, 'reportId'> => {
      return { ...risk, place, identityId: identity, rise: Number.isNaN(rise) ? null : rise };
    });
  return tx.maskReport.create({
    data: {
      ...made,
      fmr,
      missed: people.filter(({ missedMasked }) => missedMasked > 0).length,
      helped: people.filter(({ maskedEnrolmentHelps }) => maskedEnrolmentHelps).length,
      figures: asJson({ conditions, groups }),
      risks: { createMany: { data: risks } },
    },
  });
}

/** The error rates of a report. Only this program writes them. */
export function figuresOf({ figures }: Pick<MaskReport, 'figures'>): StoredFigures {
  return figures as unknown as StoredFigures;
}

function asJson(value: object): Prisma.InputJsonObject {
  return JSON.parse(JSON.stringify(value));
}
