// Multiplies and adds in registers and does nothing else: the ceiling of what kernels may compute in
// a second. Eight independent sums an invocation, so that none waits for its own last value.
//   x  factor, summand and two more, which the compiler cannot know     y  [groups · 64] vec4

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = (group.y + group.z * groups.y) * 64 + local.x;
  let a = x[0];
  let b = x[1];
  var s0 = vec4f(f32(i));
  var s1 = s0 + b;
  var s2 = s1 + b;
  var s3 = s2 + b;
  var s4 = s3 + b;
  var s5 = s4 + b;
  var s6 = s5 + b;
  var s7 = s6 + b;
  for (var k = 0; k < ROUNDS; k++) {
    s0 = fma(s0, a, b);
    s1 = fma(s1, a, b);
    s2 = fma(s2, a, b);
    s3 = fma(s3, a, b);
    s4 = fma(s4, a, b);
    s5 = fma(s5, a, b);
    s6 = fma(s6, a, b);
    s7 = fma(s7, a, b);
  }
  y[i] = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;
}
