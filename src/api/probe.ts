import type { Side } from '../faces/search/verifyProbes.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';
import { IdentityNode } from './identity.ts';
import { readFace } from './image.ts';

/** What a client wants compared. */
export const ProbeInput = builder.inputType('ProbeInput', {
  description:
    'Whom to compare, in one of four ways. Photographs are JPEG or PNG of at most 10 MB and 40 megapixels; EXIF orientation is applied.',
  isOneOf: true,
  fields: (t) => ({
    file: t.field({
      type: 'File',
      description: 'A photograph as a file part of a multipart request: the cheap way.',
    }),
    base64: t.string({
      description: 'The bytes of a photograph in base64, without a `data:` prefix.',
    }),
    token: t.string({
      description: 'The `token` of a face. The same key must have got it.',
    }),
    identity: t.globalID({ for: [IdentityNode], description: 'A person of a gallery.' }),
  }),
});

/** Reads what a client wants compared. @throws FacegraphError as `readFace` does. */
export async function readSide(
  { identity, ...image }: typeof ProbeInput.$inferInput,
  context: Context,
): Promise<Side> {
  return identity ? { identityId: identity.id } : readFace(image, context);
}
