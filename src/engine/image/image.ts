/** Decoded pixels: rows top to bottom, RGB interleaved, 8 bits, EXIF orientation already applied. */
export interface Image {
  readonly width: number;
  readonly height: number;
  /** `height * width * 3` bytes. */
  readonly data: Uint8Array;
}
