/** How far a pull is. */
export interface Progress {
  readonly model: string;
  /** `wait`: another process is at it. */
  readonly step: 'wait' | 'download' | 'extract' | 'convert';
  /** While downloading: bytes so far, those of an interrupted download included. */
  readonly bytes?: number;
  /** While downloading, when the server says it. */
  readonly total?: number;
}

export type OnProgress = (progress: Progress) => void;
