// Tail of a squeeze-and-excitation block: y = relu(x · sigmoid(gate) + r).
//   x, r, y  [N][P][C]  pixels xs, rs, ys vec4 apart     gate  [N][C]
// One invocation makes one vec4 of channels of PIXELS pixels.

struct Shape { p: i32, c4: i32, blocks: i32, total: i32, xs: i32, rs: i32, ys: i32 }

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
  let c = i % s.c4;
  let block = i / s.c4;
  let n = block / s.blocks;
  let first = n * s.p + block % s.blocks * PIXELS;
  let factor = 1 / (1 + exp(-gate[n * s.c4 + c]));
  for (var m = first; m < min(first + PIXELS, (n + 1) * s.p); m++) {
    y[m * s.ys + c] = max(x[m * s.xs + c] * factor + r[m * s.rs + c], vec4f(0));
  }
}
