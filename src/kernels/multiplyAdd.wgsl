// Multiplies and adds in registers and does nothing else: the ceiling of what kernels may compute in
// a second. Sixteen independent sums an invocation, so that none waits for its own last value.
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
  for (var k = 0; k < ROUNDS; k++) {
    // Written out: as a loop of four it is slower by a quarter on lavapipe, and no ceiling.
    s0 = s0 * a + b;
    s1 = s1 * a + b;
    s2 = s2 * a + b;
    s3 = s3 * a + b;
    s0 = s0 * a + b;
    s1 = s1 * a + b;
    s2 = s2 * a + b;
    s3 = s3 * a + b;
    s0 = s0 * a + b;
    s1 = s1 * a + b;
    s2 = s2 * a + b;
    s3 = s3 * a + b;
    s0 = s0 * a + b;
    s1 = s1 * a + b;
    s2 = s2 * a + b;
    s3 = s3 * a + b;
  }
  y[i] = s0 + s1 + s2 + s3;
}
