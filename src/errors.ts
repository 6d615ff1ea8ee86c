/** Failures that say that a face is not good enough to be enrolled. */
export type QualityCode =
  | 'FaceTooSmall'
  | 'FaceTooBlurry'
  | 'PoseTooExtreme'
  | 'FaceTooDark'
  | 'FaceOverexposed'
  | 'LowContrast'
  | 'LowConfidence'
  | 'LandmarksOutside'
  | 'QualityTooLow';

/** Every failure a caller can act on. Anything else is a bug and is masked at the API. */
export type ErrorCode =
  | QualityCode
  | 'UnsupportedImage'
  | 'ImageTooLarge'
  | 'NoFaceFound'
  | 'MultipleFacesFound'
  | 'TooFewFaces'
  | 'GalleryNotFound'
  | 'IdentityNotFound'
  | 'FaceNotFound'
  | 'JobNotFound'
  | 'ImagesMissing'
  | 'ApiKeyNotFound'
  | 'LastAdminKey'
  | 'NameTaken'
  | 'IdTaken'
  | 'DuplicateFace'
  | 'TokenInvalid'
  | 'IdempotencyKeyReused'
  | 'EditNotFound'
  | 'EditConflict'
  | 'ModelMismatch'
  | 'ModelUnavailable'
  | 'WeightsInvalid'
  | 'NoAdapter'
  | 'DeviceLost'
  | 'EngineBusy'
  | 'Cancelled'
  | 'RateLimited'
  | 'InvalidInput'
  | 'BundleInvalid'
  | 'Unauthenticated'
  | 'Forbidden';

/**
 * An expected failure: `code` for programs, `message` for people (one line, no internals),
 * `details` for what a client needs to act on it, such as the boxes of the faces found.
 */
export class FacegraphError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.name = 'FacegraphError';
    this.code = code;
    this.details = details;
  }
}

/** Too much work is waiting. @param retryAfter seconds after which to try again. */
export function engineBusy(message: string, retryAfter: number): FacegraphError {
  return new FacegraphError('EngineBusy', message, { retryAfter });
}
