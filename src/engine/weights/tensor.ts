/** A named array of weights; `data` is in C order of `shape`. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type Tensors = Map<string, Tensor>;

/** Values of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** A copy of little-endian float32 bytes, whatever their alignment; the machine is little-endian. */
export function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}
