// Convolution as an implicit GEMM: M = N·Ho·Wo output pixels, N = Cout, K = KH·KW·Cin.
//   x  [N][H][W][Cin]    pixels XS vec4 apart, slice starts at vec4 XO
//   w  [K rows, in vec4s of Cin, zero rows up to a multiple of LANES][4][Cout]
//   b, slope  [Cout]
//   r, y  [N][Ho][Wo][Cout]
// One invocation owns 4 consecutive output channels of TM output pixels. A workgroup is one row of
// invocations over Cout that all work on the same pixels: each lane loads another vec4 of K of every
// pixel, and the lanes of the subgroup read it from each other.
enable subgroups;

struct Shape {
  h: i32, w: i32, cin4: i32, xs: i32, xo: i32,
  ho: i32, wo: i32, cout4: i32, ys: i32, yo: i32,
  rs: i32, ro: i32,
  kw: i32, strideH: i32, strideW: i32, padTop: i32, padLeft: i32,
  k4: i32, m: i32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> slope: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> r: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(6) var<uniform> s: Shape;

fn activate(v: vec4f, co: i32) -> vec4f {
  if (ACTIVATION == 1) { return max(v, vec4f(0)); }
  if (ACTIVATION == 2) { return max(v, vec4f(0)) + slope[co] * min(v, vec4f(0)); }
  if (ACTIVATION == 3) { return 1 / (1 + exp(-v)); }
  return v;
}

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  // Every lane must reach the shuffles, so indices are clamped and only the stores are guarded.
  let column = i32(group.x * WIDTH + local.x);
  let co = min(column, s.cout4 - 1);
  let m0 = i32(group.y + group.z * groups.y) * TM;
  let lane = i32(invocation) & (LANES - 1);

  var image: array<i32, TM>;
  var row: array<i32, TM>;
  var col: array<i32, TM>;
  var acc: array<vec4f, TM>;
  for (var i = 0; i < TM; i++) {
    let m = min(m0 + i, s.m - 1);
    let line = m / s.wo;
    image[i] = line / s.ho * s.h;
    row[i] = line % s.ho * s.strideH - s.padTop;
    col[i] = m % s.wo * s.strideW - s.padLeft;
    acc[i] = b[co];
  }

  for (var k = 0; k < s.k4; k += LANES) {
    let tap = (k + lane) / s.cin4;
    let ci = (k + lane) % s.cin4;
    let dy = tap / s.kw;
    let dx = tap % s.kw;
    var xv: array<vec4f, TM>;
    for (var i = 0; i < TM; i++) {
      let iy = row[i] + dy;
      let ix = col[i] + dx;
      let inside = iy >= 0 && iy < s.h && ix >= 0 && ix < s.w && k + lane < s.k4;
      let at = ((image[i] + iy) * s.w + ix) * s.xs + s.xo + ci;
      xv[i] = select(vec4f(0), x[select(0, at, inside)], inside);
    }
    for (var j = 0; j < LANES; j++) {
      let wi = (k + j) * 4 * s.cout4 + co;
      let w0 = w[wi];
      let w1 = w[wi + s.cout4];
      let w2 = w[wi + 2 * s.cout4];
      let w3 = w[wi + 3 * s.cout4];
      for (var i = 0; i < TM; i++) {
        let v = subgroupShuffle(xv[i], u32(j));
        acc[i] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
      }
    }
  }

  for (var i = 0; i < TM; i++) {
    let m = m0 + i;
    if (column < s.cout4 && m < s.m) {
      var v = acc[i];
      if (RESIDUAL) { v += r[m * s.rs + s.ro + co]; }
      y[m * s.ys + s.yo + co] = activate(v, co);
    }
  }
}
