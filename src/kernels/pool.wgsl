// Window maximum or mean. Windows may reach past the edge (ceil mode, padding); what lies outside
// is ignored, by the mean too.
//   x  [N][H][W][C]  pixels xs vec4 apart, slice at xo     y  [N][Ho][Wo][C]  likewise
// One invocation makes one vec4 of channels of one output pixel. The window is a uniform like the shape:
// as constants each size would be a pipeline, of as many loads as it has cells, and no faster.

struct Shape {
  h: i32, w: i32, c4: i32, xs: i32, xo: i32,
  ho: i32, wo: i32, ys: i32, yo: i32,
  kh: i32, kw: i32, strideH: i32, strideW: i32, padTop: i32, padLeft: i32,
  m: i32, mean: i32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> s: Shape;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let item = i32((group.y + group.z * groups.y) * 64 + local.x);
  let m = item / s.c4;
  let c = item % s.c4;
  if (m >= s.m) { return; }
  let line = m / s.wo;
  let image = line / s.ho * s.h;
  let row = line % s.ho * s.strideH - s.padTop;
  let col = m % s.wo * s.strideW - s.padLeft;
  let top = max(row, 0);
  let bottom = min(row + s.kh, s.h);
  let left = max(col, 0);
  let right = min(col + s.kw, s.w);

  var best = vec4f(-3.4e38);
  var sum = vec4f(0);
  for (var iy = top; iy < bottom; iy++) {
    for (var ix = left; ix < right; ix++) {
      let v = x[((image + iy) * s.w + ix) * s.xs + s.xo + c];
      best = max(best, v);
      sum += v;
    }
  }
  let mean = sum / f32((bottom - top) * (right - left));
  y[m * s.ys + s.yo + c] = select(best, mean, s.mean != 0);
}
