import { MaskKind as Kind } from '../generated/prisma/client.ts';
import { builder } from './builder.ts';

/** The shapes of masks that can be drawn. */
export const MaskKind = builder.enumType('MaskKind', {
  description: 'What kind of mask was drawn.',
  values: {
    [Kind.SURGICAL]: { description: 'With pleats.' },
    [Kind.N95]: { description: 'Of three panels with a clip.' },
    [Kind.CLOTH]: { description: 'With a seam.' },
    [Kind.ROUND]: { description: 'Round, without a fold.' },
  } as const,
});

/** Of an enrolled face that is near, in answers; the resolvers differ. */
export const MATCHED_MASK = {
  type: MaskKind,
  nullable: true,
  description:
    'The drawn mask under which the enrolled face is nearest, in galleries with `maskedTemplates`; then nothing is known of how near strangers come, and `fmrEstimate` is null. Null: the face as it is.',
} as const;
