import type { Face } from '../engine/face.ts';
import { type ErrorCode, FacegraphError } from '../errors.ts';
import type { Upload } from '../faces/search/probe.ts';
import { builder } from './builder.ts';
import { DetectedFace, indexed, shownIn } from './picture.ts';

/** What every failure offers to a client that does not know its type. */
export const Failure = builder.interfaceRef<FacegraphError>('Failure').implement({
  description: 'An expected failure that the client can act on. `__typename` says which.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'One line for people.' }),
  }),
});

// The domain throws one class with a code; the errors plugin tells classes apart. So each GraphQL
// type gets a class whose instances are the errors of its code.
export function withCode(code: ErrorCode) {
  return class extends FacegraphError {
    static override [Symbol.hasInstance](error: unknown): boolean {
      return error instanceof FacegraphError && error.code === code;
    }
  };
}

function failure(code: ErrorCode, description: string) {
  const type = withCode(code);
  builder.objectType(type, { name: code, description, interfaces: [Failure] });
  return type;
}

export const UnsupportedImage = failure(
  'UnsupportedImage',
  'The bytes are no JPEG or PNG that can be decoded. Convert the image and send it again.',
);
export const ImageTooLarge = failure(
  'ImageTooLarge',
  'The image has too many bytes or pixels. Send a smaller one.',
);
export const NoFaceFound = failure(
  'NoFaceFound',
  'No face was detected in an image that needs one. Send another photograph, or look for smaller faces with `detect`.',
);
export const GalleryNotFound = failure(
  'GalleryNotFound',
  'There is no such gallery, or the key may not see it. Check its name or id with `galleries`.',
);
export const IdentityNotFound = failure(
  'IdentityNotFound',
  'There is no such identity, or the key may not see it. Find it with `identities`.',
);
export const FaceNotFound = failure(
  'FaceNotFound',
  'There is no such face, or the key may not see it. The faces of a person are in `Identity.faces`.',
);
export const JobNotFound = failure(
  'JobNotFound',
  'There is no such job, or the key may not see it. Ended jobs are kept for 30 days.',
);
export const ImagesMissing = failure(
  'ImagesMissing',
  'Faces of the gallery have no stored photograph, so that they can neither be embedded anew nor be masked. Enrol them again with `keepImages`; `reembed` can drop them.',
);
export const TooFewFaces = failure(
  'TooFewFaces',
  'The gallery has too few people, or too few with several photographs, to measure anything. Enrol more.',
);
export const ApiKeyNotFound = failure(
  'ApiKeyNotFound',
  'There is no such API key. Find it with `apiKeys`.',
);
export const LastAdminKey = failure(
  'LastAdminKey',
  'Without this key nobody could manage keys. Make another one with scope `admin`, no expiry and no galleries first.',
);
export const NameTaken = failure(
  'NameTaken',
  'The name of a gallery, or the external id of an identity, is in use. Choose another.',
);
export const TokenInvalid = failure(
  'TokenInvalid',
  'The token of a face is unknown, expired or of another key. Send the photograph again.',
);
export const ModelMismatch = failure(
  'ModelMismatch',
  'Embeddings of two models, or of two revisions of one, would have to be compared, which says nothing. Search galleries of one model at a time; `reembed` one of a past revision.',
);
export const IdempotencyKeyReused = failure(
  'IdempotencyKeyReused',
  'The idempotency key was used for another request in the last 24 hours, or what it made is gone. Use a new key for a new request.',
);
export const EditNotFound = failure(
  'EditNotFound',
  'There is no such edit, or the key may not see it. Find it in `Gallery.edits`.',
);
export const EditConflict = failure(
  'EditConflict',
  'The edit cannot be undone any more: the message says what happened to its faces or people since. Undo what came later first.',
);
export const ModelUnavailable = failure(
  'ModelUnavailable',
  'The weights of the model are not on the server. The message has the command that gets them.',
);
export const DeviceLost = failure('DeviceLost', 'The GPU went away meanwhile. Send it again.');
export const InvalidInput = failure(
  'InvalidInput',
  'An argument is outside of what is allowed. The message says which and what is.',
);

export const DuplicateFace = withCode('DuplicateFace');
builder.objectType(DuplicateFace, {
  name: 'DuplicateFace',
  description:
    'The gallery holds this face of this photograph already, or one that is all but the same. Leave it, or say `allowSimilar`.',
  interfaces: [Failure],
  fields: (t) => ({
    existing: t.prismaField({
      type: 'Face',
      nullable: true,
      description: 'The face enrolled before; null when it was deleted meanwhile.',
      resolve: (query, { details }, _args, { db }) =>
        db.face.findUnique({ ...query, where: { id: String(details.faceId) } }),
    }),
  }),
});

export const MultipleFacesFound = withCode('MultipleFacesFound');
builder.objectType(MultipleFacesFound, {
  name: 'MultipleFacesFound',
  description:
    'The photograph shows several people. Repeat the call with the index of one of them, or its box.',
  interfaces: [Failure],
  fields: (t) => ({
    faces: t.field({
      type: [DetectedFace],
      description: 'The faces found, in the order that their indexes count.',
      resolve: ({ details: { faces, upload } }, _args, context) =>
        indexed(faces as readonly Face[], shownIn(upload as Upload), context),
    }),
  }),
});

function passing(code: ErrorCode, description: string) {
  const type = withCode(code);
  builder.objectType(type, {
    name: code,
    description,
    interfaces: [Failure],
    fields: (t) => ({
      retryAfter: t.int({
        description: 'Seconds after which to try again, as `Retry-After` of the response.',
        resolve: ({ details }) => Number(details.retryAfter),
      }),
    }),
  });
  return type;
}

export const EngineBusy = passing(
  'EngineBusy',
  'Too much work is waiting, and you have most of it. Try again later.',
);
export const RateLimited = passing(
  'RateLimited',
  'The key, or without one the address, has spent its share of this minute, or has 20 subscriptions open. A request that is refused as a whole gets HTTP 429 instead.',
);

/** Whatever may happen to an image on its way through decoder and engine. */
export const IMAGE_FAILURES = [
  UnsupportedImage,
  ImageTooLarge,
  InvalidInput,
  DeviceLost,
  EngineBusy,
  RateLimited,
];
