/** How much one request, and one key, may ask for. */
export interface Limits {
  readonly maxRequestBytes: number;
  readonly maxImageBytes: number;
  readonly maxImagePixels: number;
  /** Of all images of a request together. */
  readonly maxRequestPixels: number;
  /** Of a request, in the units of the fields' complexity: see `IMAGE_COST`. */
  readonly maxCost: number;
  /** Cost that a key may spend in a minute; 0: no limit. */
  readonly ratePerMinute: number;
}
