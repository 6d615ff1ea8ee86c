/** Largest size of a dispatch in one dimension. */
const LIMIT = 65535;

/** A grid of x columns and at least y rows; rows beyond the limit fold into z. Kernels read the row
 * as `group.y + group.z * groups.y` and guard against rows past the end. */
export function grid(x: number, y: number): [x: number, y: number, z: number] {
  const layers = Math.ceil(y / LIMIT);
  return [x, Math.ceil(y / layers), layers];
}

/** The grid of a kernel with one invocation per item, read as a folded row of workgroups. */
export function gridOf(items: number, workgroupSize: number): [number, number, number] {
  return grid(1, Math.ceil(items / workgroupSize));
}
