// Tail of a squeeze-and-excitation block: y = relu(x · gate + r).
//   x, r, y  [N][P][C]     gate  [N][C]     all dense
// One invocation makes one vec4.

struct Shape { p: i32, c4: i32, total: i32 }

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> gate: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> r: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> s: Shape;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = i32((group.y + group.z * groups.y) * 64 + local.x);
  if (i >= s.total) { return; }
  let n = i / (s.p * s.c4);
  y[i] = max(x[i] * gate[n * s.c4 + i % s.c4] + r[i], vec4f(0));
}
