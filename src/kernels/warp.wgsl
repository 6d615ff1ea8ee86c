// Cuts faces out of an image by an affine map each and normalises them; where the picture shrinks,
// every output pixel is the mean of a grid of bilinear samples fine enough to miss no source pixel.
//   image  [IH][IW] RGB bytes, packed into words
//   maps   [N][2] vec4: (ox, oy, ux, uy), (vx, vy, –, –): output (u, v), pixel centres at + 0.5,
//          lies at o + u·(ux, uy) + v·(vx, vy) in the image; beyond the edge its nearest pixel counts
//   y      [N][OH][OW][4]  (v − mean) · scale, fourth channel 0; BGR swaps red and blue
// One invocation makes one output pixel.

struct Shape { mean: vec4f, scale: f32, iw: i32, ih: i32, oh: i32, ow: i32, total: i32, bgr: i32 }

@group(0) @binding(0) var<storage, read> image: array<u32>;
@group(0) @binding(1) var<storage, read> maps: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> s: Shape;

fn pixel(at: vec2i) -> vec3f {
  let p = clamp(at, vec2i(0), vec2i(s.iw, s.ih) - 1);
  let byte = u32(p.y * s.iw + p.x) * 3;
  let shift = byte % 4 * 8;
  var word = image[byte / 4] >> shift;
  if (shift > 8) { word |= image[byte / 4 + 1] << (32 - shift); }
  return vec3f(f32(word & 255), f32((word >> 8) & 255), f32((word >> 16) & 255));
}

fn bilinear(at: vec2f) -> vec3f {
  let p = vec2i(floor(at - 0.5));
  let f = at - 0.5 - vec2f(p);
  return mix(
    mix(pixel(p), pixel(p + vec2i(1, 0)), f.x),
    mix(pixel(p + vec2i(0, 1)), pixel(p + vec2i(1, 1)), f.x),
    f.y,
  );
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = i32((group.y + group.z * groups.y) * 64 + local.x);
  if (i >= s.total) { return; }
  let n = i / (s.oh * s.ow);
  let origin = maps[2 * n].xy;
  let u = maps[2 * n].zw;
  let v = maps[2 * n + 1].xy;
  let corner = origin + f32(i % s.ow) * u + f32(i / s.ow % s.oh) * v;
  let count = i32(max(1, ceil(max(length(u), length(v)))));
  var sum = vec3f(0);
  for (var a = 0; a < count; a++) {
    for (var b = 0; b < count; b++) {
      let part = vec2f(f32(b) + 0.5, f32(a) + 0.5) / f32(count);
      sum += bilinear(corner + part.x * u + part.y * v);
    }
  }
  var mean = sum / f32(count * count);
  if (s.bgr != 0) { mean = mean.bgr; }
  y[i] = vec4f((mean - s.mean.xyz) * s.scale, 0);
}
