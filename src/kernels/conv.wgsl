// Convolution as an implicit GEMM: M = N·Ho·Wo output pixels, N = Cout, K = KH·KW·Cin.
//   x  [N][H][W][Cin]    pixels xs vec4 apart, slice starts at vec4 xo
//   w  [Cout / 4·COLUMNS][KH·KW·Cin / 4][DEPTH][COLUMNS] vec4 of Cout, LANES vec4 of slack at the end
//   b, slope  [Cout]
//   r, y  [N][Ho][Wo][Cout]
// One invocation owns 4·COLUMNS output channels of TM output pixels, all in registers. The invocations
// of a workgroup have different pixels and the same channels, so they need the same weights: each lane
// loads another vec4 of them, and the lanes of the subgroup read it from each other.
// Pixels may be in sets of M one after another, each with weights of its own (winograd.ts).
enable subgroups;

struct Shape {
  h: i32, w: i32, cin4: i32, xs: i32, xo: i32,
  ho: i32, wo: i32, cout4: i32, ys: i32, yo: i32,
  rs: i32, ro: i32,
  kh: i32, kw: i32, strideH: i32, strideW: i32, padTop: i32, padLeft: i32,
  m: i32, activation: i32, residual: i32,
  total: i32, setGroups: i32, setSize: i32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> slope: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> r: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(6) var<uniform> s: Shape;

// Columns are in two halves where there are more than four, each with its own sums: lavapipe stops
// unrolling loops that are longer, and runs at half the speed.
const HALVES = select(1, 2, COLUMNS > 4);
const CO = COLUMNS / HALVES;
// Vec4s of weights for one vec4 of x, and loads it takes the lanes to fetch them.
const STEP = DEPTH * COLUMNS;
const LOADS = (STEP + LANES - 1) / LANES;

alias Sums = array<vec4f, TM * CO>;
alias Pixels = array<vec4f, TM>;
alias Weights = array<vec4f, LOADS>;

// Chosen at run time: a uniform branch per output costs nothing, a pipeline per activation a cold start.
fn activate(v: vec4f, co: i32) -> vec4f {
  switch (s.activation) {
    case 1: { return max(v, vec4f(0)); }
    case 2: { return max(v, vec4f(0)) + slope[co] * min(v, vec4f(0)); }
    case 3: { return 1 / (1 + exp(-v)); }
    default: { return v; }
  }
}

fn weight(wv: ptr<function, Weights>, at: i32) -> vec4f {
  return subgroupShuffle((*wv)[at / LANES], u32(at % LANES));
}

// Written out over the depth, and each sum in one expression: it is loaded and stored once.
fn accumulate(sums: ptr<function, Sums>, xv: ptr<function, Pixels>, wv: ptr<function, Weights>, half: i32) {
  for (var c = 0; c < CO; c++) {
    let at = half * CO + c;
    let w0 = weight(wv, at);
    let w1 = weight(wv, COLUMNS + at);
    let w2 = weight(wv, 2 * COLUMNS + at);
    if (DEPTH == 4) {
      let w3 = weight(wv, STEP - COLUMNS + at);
      for (var i = 0; i < TM; i++) {
        let v = (*xv)[i];
        (*sums)[i * CO + c] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
      }
    } else {
      for (var i = 0; i < TM; i++) {
        let v = (*xv)[i];
        (*sums)[i * CO + c] += v.x * w0 + v.y * w1 + v.z * w2;
      }
    }
  }
}

// Written rather than left at zero: zeros are a loop that lavapipe keeps, and the sums in memory then.
fn start(sums: ptr<function, Sums>, bias: ptr<function, Weights>, half: i32) {
  for (var c = 0; c < CO; c++) {
    let v = weight(bias, half * CO + c);
    for (var i = 0; i < TM; i++) { (*sums)[i * CO + c] = v; }
  }
}

// One output after the other in loops that no compiler unrolls, since their ends are known at run time only:
// unrolled, these loads, branches and stores were three quarters of what lavapipe had to compile. An index
// that is no constant would put the sums in memory, so the next one always moves to the front.
fn store(sums: ptr<function, Sums>, sums2: ptr<function, Sums>, m0: i32, end: i32, co0: i32) {
  for (var first = co0; first < min(co0 + COLUMNS, s.cout4); first += CO) {
    for (var co = first; co < min(first + CO, s.cout4); co++) {
      var column: Pixels;
      for (var i = 0; i < TM; i++) { column[i] = (*sums)[i * CO]; }
      for (var k = 0; k < TM * CO - 1; k++) { (*sums)[k] = (*sums)[k + 1]; }
      for (var m = m0; m < min(m0 + TM * WIDTH, end); m += WIDTH) {
        var v = column[0];
        for (var i = 0; i < TM - 1; i++) { column[i] = column[i + 1]; }
        if (s.residual != 0) { v += r[m * s.rs + s.ro + co]; }
        y[m * s.ys + s.yo + co] = activate(v, co);
      }
    }
    if (HALVES == 2) { *sums = *sums2; }
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
  let groupRow = i32(group.y + group.z * groups.y);
  let which = groupRow / s.setGroups;
  let m0 = which * s.m + groupRow % s.setGroups * WIDTH * TM + i32(local.x);
  let end = min((which + 1) * s.m, s.total);
  var image: array<i32, TM>;
  var row: array<i32, TM>;
  var col: array<i32, TM>;
  for (var i = 0; i < TM; i++) {
    let m = min(m0 + i * WIDTH, s.total - 1);
    let line = m / s.wo;
    image[i] = line / s.ho * s.h;
    row[i] = line % s.ho * s.strideH - s.padTop;
    col[i] = m % s.wo * s.strideW - s.padLeft;
  }

  let co0 = i32(group.x) * COLUMNS;
  var sums: Sums;
  var sums2: Sums;
  let lane = i32(invocation) & (LANES - 1);
  var bias: Weights;
  for (var l = 0; l < (COLUMNS + LANES - 1) / LANES; l++) {
    bias[l] = b[min(co0 + l * LANES + lane, s.cout4 - 1)];
  }
  start(&sums, &bias, 0);
  if (HALVES == 2) { start(&sums2, &bias, 1); }
  let cin4 = select(1, s.cin4, DEPTH == 4); // known of images: no loop
  var at = which * s.setSize + i32(group.x) * s.kh * s.kw * cin4 * STEP + lane;
  for (var dy = 0; dy < s.kh; dy++) {
    for (var dx = 0; dx < s.kw; dx++) {
      var inside: array<bool, TM>;
      var first: array<i32, TM>;
      for (var i = 0; i < TM; i++) {
        let iy = row[i] + dy;
        let ix = col[i] + dx;
        inside[i] = iy >= 0 && iy < s.h && ix >= 0 && ix < s.w;
        first[i] = select(0, ((image[i] + iy) * s.w + ix) * s.xs + s.xo, inside[i]);
      }
      for (var ci = 0; ci < cin4; ci++) {
        var wv: Weights;
        for (var l = 0; l < LOADS; l++) { wv[l] = w[at + l * LANES]; }
        at += STEP;
        var xv: Pixels;
        for (var i = 0; i < TM; i++) { xv[i] = select(vec4f(0), x[first[i] + ci], inside[i]); }
        accumulate(&sums, &xv, &wv, 0);
        if (HALVES == 2) { accumulate(&sums2, &xv, &wv, 1); }
      }
    }
  }

  store(&sums, &sums2, m0, end, co0);
}
