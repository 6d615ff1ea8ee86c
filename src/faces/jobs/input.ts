// What the JSON columns of jobs hold. Only this program writes them, so they are taken at their word.

/** `Job.input` of kind ENROL. */
export interface EnrolInput {
  /** Whether the photographs lie below the import directory, which not every process may have. */
  readonly directory?: string;
  /** See `BulkOptions`. */
  readonly allowSimilar?: boolean;
  readonly unknown?: boolean;
  readonly dryRun?: boolean;
}

/** `Job.input` of kind REEMBED. */
export interface ReembedInput {
  readonly model: string;
  readonly dropFacesWithoutImage: boolean;
}

/** `Job.input` of kind CALIBRATE. */
export interface CalibrateInput {
  /** Chooses the faces that are compared. */
  readonly seed: number;
}

/** `Job.input` of kind MASK_REPORT. */
export interface MaskReportInput {
  /** Chooses the faces, and what they wear. */
  readonly seed: number;
  /** False match rate at which thresholds are fixed. */
  readonly fmr: number;
  /** Of the gallery's model when the job was made: faces of two are never compared. */
  readonly fingerprint: string;
}

/** Who is to be found in the gallery or made: by the external id where there is one, else by name. */
export interface PersonInput {
  readonly name?: string | null;
  readonly externalId?: string | null;
}

/** `JobItem.input`. */
export interface ItemInput extends PersonInput {
  /** Of the file, below the import directory; its bytes are in `payload` when absent. */
  readonly path?: string;
}
