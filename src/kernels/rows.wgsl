// Normalises each row of a matrix: softmax (SOFTMAX) or division by the L2 norm.
//   x, y  [N][C]  rows stride floats apart; columns from C to the stride are left alone
// One workgroup takes one row; its invocations take the columns in turn.

struct Shape { c: i32, stride: i32 }

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> s: Shape;

const SIZE = 64;
var<workgroup> parts: array<f32, SIZE>;

fn total(own: f32, i: i32) -> f32 {
  workgroupBarrier();
  parts[i] = own;
  workgroupBarrier();
  var sum = 0.0;
  for (var j = 0; j < SIZE; j++) { sum += parts[j]; }
  return sum;
}

fn greatest(own: f32, i: i32) -> f32 {
  workgroupBarrier();
  parts[i] = own;
  workgroupBarrier();
  var best = parts[0];
  for (var j = 1; j < SIZE; j++) { best = max(best, parts[j]); }
  return best;
}

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let i = i32(local.x);
  let row = i32(group.x) * s.stride;
  var sum = 0.0;
  if (SOFTMAX) {
    var best = -3.4e38;
    for (var c = i; c < s.c; c += SIZE) { best = max(best, x[row + c]); }
    let top = greatest(best, i);
    for (var c = i; c < s.c; c += SIZE) { sum += exp(x[row + c] - top); }
    let scale = 1 / total(sum, i);
    for (var c = i; c < s.c; c += SIZE) { y[row + c] = exp(x[row + c] - top) * scale; }
  } else {
    for (var c = i; c < s.c; c += SIZE) { sum += x[row + c] * x[row + c]; }
    let scale = inverseSqrt(max(total(sum, i), 1e-10));
    for (var c = i; c < s.c; c += SIZE) { y[row + c] = x[row + c] * scale; }
  }
}
