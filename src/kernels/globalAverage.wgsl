// Mean over all pixels of an image.
//   x  [N][P][C]  pixels xs vec4 apart, slice at xo     y  [N][C]
// One workgroup sums LANES vec4s of channels of one image: its rows of invocations take the pixels
// in turn and add their sums up in workgroup memory.

struct Shape { p: i32, c4: i32, xs: i32, xo: i32, ys: i32, yo: i32 }

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> s: Shape;

const LANES = 8;
const ROWS = 8;
var<workgroup> sums: array<vec4f, LANES * ROWS>;

@compute @workgroup_size(LANES, ROWS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let c = i32(group.x * LANES + local.x);
  let n = i32(group.y);
  var sum = vec4f(0);
  if (c < s.c4) {
    for (var p = i32(local.y); p < s.p; p += ROWS) {
      sum += x[(n * s.p + p) * s.xs + s.xo + c];
    }
  }
  sums[local.y * LANES + local.x] = sum;
  workgroupBarrier();
  if (local.y == 0 && c < s.c4) {
    var total = sum;
    for (var row = 1u; row < ROWS; row++) { total += sums[row * LANES + local.x]; }
    y[n * s.ys + s.yo + c] = total / f32(s.p);
  }
}
