/** An embedding as the database holds it: little-endian f32, as on every platform Dawn runs on. */
export function toBytes(embedding: Float32Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Float32Array.from(embedding).buffer);
}

/** The embedding that the database holds as these bytes. */
export function fromBytes(vector: Uint8Array): Float32Array {
  return new Float32Array(vector.slice().buffer);
}
