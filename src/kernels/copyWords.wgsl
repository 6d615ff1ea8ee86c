// Moves memory and does nothing else: the ceiling of what kernels may read and write in a second.
//   x, y  [TOTAL] vec4
// One invocation copies one vec4.

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = (group.y + group.z * groups.y) * 64 + local.x;
  if (i < TOTAL) { y[i] = x[i]; }
}
