const SCRATCH = new Float32Array(1);
const BITS = new Uint32Array(SCRATCH.buffer);
/** 2^-14, the smallest f16 that is not subnormal, and 2^16, beyond the largest; as bits of f32. */
const SMALLEST = 0x38800000;
const BEYOND = 0x47800000;
/** Difference of the exponents' biases, where f16's exponent lies. */
const REBIAS = (127 - 15) << 10;

let values: Float32Array | undefined;

/** IEEE half precision bits of each value, rounded to nearest, ties to even; NaN stays NaN. */
export function toHalf(x: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint16Array(x.length);
  for (let i = 0; i < x.length; i++) {
    SCRATCH[0] = x[i];
    bits[i] = ((BITS[0] >>> 16) & 0x8000) | magnitude(BITS[0] & 0x7fffffff);
  }
  return bits;
}

/** The values of IEEE half precision bits, exactly. */
export function fromHalf(bits: Uint16Array): Float32Array<ArrayBuffer> {
  // A table of all, 256 KB: five times as fast as taking the bits apart.
  values ??= Float32Array.from({ length: 1 << 16 }, (_, half) => decoded(half));
  const x = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) x[i] = values[bits[i]];
  return x;
}

function magnitude(bits: number): number {
  if (bits > 0x7f800000) return 0x7e00;
  if (bits >= BEYOND) return 0x7c00;
  if (bits < SMALLEST) {
    // An f32 near one half counts in steps of 2^-24, as a subnormal f16 does.
    BITS[0] = bits;
    SCRATCH[0] += 0.5;
    return BITS[0] - 0x3f000000;
  }
  return ((bits + 0xfff + ((bits >>> 13) & 1)) >>> 13) - REBIAS;
}

function decoded(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
