// Resizes boxes of an image with OpenCV's INTER_AREA rules and normalises them: a true area average
// where neither axis grows, else linear interpolation with INTER_AREA's own coefficients.
//   image  [IH][IW] RGB bytes, packed into words     boxes  [N] x, y, w, h in pixels, may overhang
//   y      [N][OH][OW][4]  (v − mean) · scale, fourth channel 0; outside the image v is 0
// y holds rows `first` to `first + OH` of a picture of `full` rows, so that a tall picture can be
// made in bands. One invocation makes one output pixel.

struct Shape {
  mean: vec4f, scale: f32,
  iw: i32, ih: i32, oh: i32, ow: i32, first: i32, full: i32, total: i32, round: i32,
}

@group(0) @binding(0) var<storage, read> image: array<u32>;
@group(0) @binding(1) var<storage, read> boxes: array<vec4i>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> s: Shape;

fn pixel(px: i32, py: i32) -> vec3f {
  if (px < 0 || px >= s.iw || py < 0 || py >= s.ih) { return vec3f(0); }
  let byte = u32(py * s.iw + px) * 3;
  let shift = byte % 4 * 8;
  var word = image[byte / 4] >> shift;
  if (shift > 8) { word |= image[byte / 4 + 1] << (32 - shift); }
  return vec3f(f32(word & 255), f32((word >> 8) & 255), f32((word >> 16) & 255));
}

fn area(box: vec4i, low: vec2f, high: vec2f) -> vec3f {
  let last = min(vec2i(ceil(high)), box.zw) - 1;
  var sum = vec3f(0);
  for (var py = i32(low.y); py <= last.y; py++) {
    let wy = min(f32(py + 1), high.y) - max(f32(py), low.y);
    for (var px = i32(low.x); px <= last.x; px++) {
      let wx = min(f32(px + 1), high.x) - max(f32(px), low.x);
      sum += wx * wy * pixel(box.x + px, box.y + py);
    }
  }
  return sum / ((high.x - low.x) * (high.y - low.y));
}

fn linear(box: vec4i, at: vec2i, ratio: vec2f) -> vec3f {
  let p = vec2i(floor(vec2f(at) * ratio));
  var f = vec2f(at + 1) - vec2f(p + 1) / ratio;
  f = select(f - floor(f), vec2f(0), (f <= vec2f(0)) | (p >= box.zw - 1));
  let q = min(p + 1, box.zw - 1);
  let top = mix(pixel(box.x + p.x, box.y + p.y), pixel(box.x + q.x, box.y + p.y), f.x);
  let bottom = mix(pixel(box.x + p.x, box.y + q.y), pixel(box.x + q.x, box.y + q.y), f.x);
  return mix(top, bottom, f.y);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = i32((group.y + group.z * groups.y) * 64 + local.x);
  if (i >= s.total) { return; }
  let box = boxes[i / (s.oh * s.ow)];
  let at = vec2i(i % s.ow, s.first + i / s.ow % s.oh);
  let ratio = vec2f(box.zw) / vec2f(f32(s.ow), f32(s.full));
  var v: vec3f;
  if (all(ratio >= vec2f(1))) {
    let low = vec2f(at) * ratio;
    v = area(box, low, min(low + ratio, vec2f(box.zw)));
  } else {
    v = linear(box, at, ratio);
  }
  if (s.round != 0) { v = round(v); }
  y[i] = vec4f((v - s.mean.xyz) * s.scale, 0);
}
