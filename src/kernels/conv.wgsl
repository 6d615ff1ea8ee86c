// Convolution as an implicit GEMM: M = N·Ho·Wo output pixels, N = Cout, K = KH·KW·Cin.
//   x  [N][H][W][Cin]    pixels xs vec4 apart, slice starts at vec4 xo
//   w  [Cout / 4·CO][KH·KW·Cin / 4][DEPTH][CO] vec4 of Cout, LANES vec4 of slack at the end
//   b, slope  [Cout]
//   r, y  [N][Ho][Wo][Cout]
// One invocation owns 4·CO output channels of TM output pixels, all in registers. The invocations of
// a workgroup have different pixels and the same channels, so they need the same weights: each lane
// loads another vec4 of them, and the lanes of the subgroup read it from each other.
enable subgroups;

struct Shape {
  h: i32, w: i32, cin4: i32, xs: i32, xo: i32,
  ho: i32, wo: i32, cout4: i32, ys: i32, yo: i32,
  rs: i32, ro: i32,
  kh: i32, kw: i32, strideH: i32, strideW: i32, padTop: i32, padLeft: i32,
  m: i32, activation: i32, residual: i32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> slope: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> r: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(6) var<uniform> s: Shape;

// Vec4s of weights for one vec4 of x, and loads it takes the lanes to fetch them.
const STEP = DEPTH * CO;
const LOADS = (STEP + LANES - 1) / LANES;

// Chosen at run time: a uniform branch per output costs nothing, a pipeline per activation seconds.
fn activate(v: vec4f, co: i32) -> vec4f {
  switch (s.activation) {
    case 1: { return max(v, vec4f(0)); }
    case 2: { return max(v, vec4f(0)) + slope[co] * min(v, vec4f(0)); }
    case 3: { return 1 / (1 + exp(-v)); }
    default: { return v; }
  }
}

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  // Every lane must reach the shuffles, so indices are clamped and only the stores are guarded.
  let co0 = i32(group.x) * CO;
  let m0 = i32(group.y + group.z * groups.y) * WIDTH * TM + i32(local.x);
  let lane = i32(invocation) & (LANES - 1);

  var image: array<i32, TM>;
  var row: array<i32, TM>;
  var col: array<i32, TM>;
  var acc: array<vec4f, TM * CO>;
  for (var i = 0; i < TM; i++) {
    let m = min(m0 + i * WIDTH, s.m - 1);
    let line = m / s.wo;
    image[i] = line / s.ho * s.h;
    row[i] = line % s.ho * s.strideH - s.padTop;
    col[i] = m % s.wo * s.strideW - s.padLeft;
    for (var c = 0; c < CO; c++) { acc[i * CO + c] = b[min(co0 + c, s.cout4 - 1)]; }
  }

  let rows = s.kh * s.kw * s.cin4;
  let first = i32(group.x) * rows * STEP + lane;
  // The tap (dy, dx) and channel of step k, counted rather than divided.
  var dy = 0;
  var dx = 0;
  var ci = 0;
  for (var k = 0; k < rows; k++) {
    var wv: array<vec4f, LOADS>;
    for (var l = 0; l < LOADS; l++) { wv[l] = w[first + k * STEP + l * LANES]; }
    var xv: array<vec4f, TM>;
    for (var i = 0; i < TM; i++) {
      let iy = row[i] + dy;
      let ix = col[i] + dx;
      let inside = iy >= 0 && iy < s.h && ix >= 0 && ix < s.w;
      let at = ((image[i] + iy) * s.w + ix) * s.xs + s.xo + ci;
      xv[i] = select(vec4f(0), x[select(0, at, inside)], inside);
    }
    // Written out over the depth: with one more loop lavapipe stops unrolling and runs at half the speed.
    for (var c = 0; c < CO; c++) {
      let w0 = subgroupShuffle(wv[c / LANES], u32(c % LANES));
      let w1 = subgroupShuffle(wv[(CO + c) / LANES], u32((CO + c) % LANES));
      let w2 = subgroupShuffle(wv[(2 * CO + c) / LANES], u32((2 * CO + c) % LANES));
      for (var i = 0; i < TM; i++) {
        acc[i * CO + c] += xv[i].x * w0 + xv[i].y * w1 + xv[i].z * w2;
      }
      if (DEPTH == 4) {
        let w3 = subgroupShuffle(wv[(STEP - CO + c) / LANES], u32((STEP - CO + c) % LANES));
        for (var i = 0; i < TM; i++) { acc[i * CO + c] += xv[i].w * w3; }
      }
    }
    ci = select(ci + 1, 0, ci + 1 == s.cin4);
    dx = select(dx, select(dx + 1, 0, dx + 1 == s.kw), ci == 0);
    dy = select(dy, dy + 1, ci == 0 && dx == 0);
  }

  for (var i = 0; i < TM; i++) {
    let m = m0 + i * WIDTH;
    for (var c = 0; c < CO; c++) {
      let co = co0 + c;
      if (co < s.cout4 && m < s.m) {
        var v = acc[i * CO + c];
        if (s.residual != 0) { v += r[m * s.rs + s.ro + co]; }
        y[m * s.ys + s.yo + co] = activate(v, co);
      }
    }
  }
}
