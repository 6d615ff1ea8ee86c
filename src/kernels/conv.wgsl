// Convolution as an implicit GEMM: M = N·Ho·Wo output pixels, N = Cout, K = KH·KW·Cin.
//   x  [N][H][W][Cin]    pixels xs vec4 apart, slice starts at vec4 xo
//   w  [Cout / 4·COLUMNS][KH·KW·Cin][COLUMNS] vec4 of Cout, LANES vec4 of slack at the end
//   b, slope  [Cout]
//   r, y  [N][Ho][Wo][Cout]
// One invocation owns 4·COLUMNS output channels of TM output pixels, all in registers. The invocations
// of a workgroup have different pixels and the same channels, so they need the same weights: each lane
// loads another vec4 of them, and the lanes of the subgroup read it from each other.
// BY_CHANNEL it is the other way round, for few pixels: the lanes have different channels, one vec4
// each, of the same TM pixels, so each loads weights of its own, and x is what they share.
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

@group(0) @binding(0) var<storage, read_write> x: array<vec2f>;
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
// One turn of the loop takes DEPTH input channels: these are its vec4s of weights, and the loads it takes the
// lanes to fetch them. Two at a time where there are many products: the loop is half as long then, and has
// to be decoded anew in each turn when it is longer.
const STEP = DEPTH * COLUMNS;
const LOADS = (STEP + LANES - 1) / LANES;

alias Sums = array<vec4f, TM * CO>;
alias Pixels = array<vec4f, TM>;
alias Weights = array<vec4f, LOADS>;

// What values below zero are multiplied by. Chosen at run time, since a pipeline per activation is a cold
// start, and once for several outputs, since lavapipe goes through all the cases.
fn below(co: i32) -> vec4f {
  switch (s.activation) {
    case 1: { return vec4f(0); }
    case 2: { return slope[co]; }
    default: { return vec4f(1); }
  }
}

fn output(m: i32, co: i32, sum: vec4f, negative: vec4f) {
  var v = sum;
  if (s.residual != 0) { v += r[m * s.rs + s.ro + co]; }
  y[m * s.ys + s.yo + co] = max(v, vec4f(0)) + negative * min(v, vec4f(0));
}

fn weight(wv: ptr<function, Weights>, at: i32) -> vec4f {
  return subgroupShuffle((*wv)[at / LANES], u32(at % LANES));
}

fn channels(at: i32) -> vec4f {
  if (DEPTH == 2) { return vec4f(x[at], 0, 0); }
  return vec4f(x[at], x[at + 1]);
}

// Written out over the depth, and each sum in one expression: it is loaded and stored once. Four are added
// as two times two are, so that a pixel has the same bytes in every tile.
fn accumulate(sums: ptr<function, Sums>, xv: ptr<function, Pixels>, wv: ptr<function, Weights>, half: i32) {
  for (var c = 0; c < CO; c++) {
    let at = half * CO + c;
    let w0 = weight(wv, at);
    let w1 = weight(wv, COLUMNS + at);
    let w2 = weight(wv, min(2, DEPTH - 1) * COLUMNS + at);
    let w3 = weight(wv, (DEPTH - 1) * COLUMNS + at);
    for (var i = 0; i < TM; i++) {
      let v = (*xv)[i];
      switch (DEPTH) {
        case 4: {
          let sum = (*sums)[i * CO + c] + (v.x * w0 + v.y * w1);
          (*sums)[i * CO + c] = sum + (v.z * w2 + v.w * w3);
        }
        case 3: { (*sums)[i * CO + c] += v.x * w0 + v.y * w1 + v.z * w2; }
        default: { (*sums)[i * CO + c] += v.x * w0 + v.y * w1; }
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
      let negative = below(co);
      for (var m = m0; m < min(m0 + TM * WIDTH, end); m += WIDTH) {
        let v = column[0];
        for (var i = 0; i < TM - 1; i++) { column[i] = column[i + 1]; }
        output(m, co, v, negative);
      }
    }
    if (HALVES == 2) { *sums = *sums2; }
  }
}

// The windows of TM output pixels from m on, a step apart: where they begin in x.
struct Windows {
  image: array<i32, TM>,
  row: array<i32, TM>,
  col: array<i32, TM>,
}

fn windows(m0: i32, step: i32) -> Windows {
  var own: Windows;
  for (var i = 0; i < TM; i++) {
    let m = min(m0 + i * step, s.total - 1);
    let line = m / s.wo;
    own.image[i] = line / s.ho * s.h;
    own.row[i] = line % s.ho * s.strideH - s.padTop;
    own.col[i] = m % s.wo * s.strideW - s.padLeft;
  }
  return own;
}

// The pixels of x under one tap of the windows, and which of them there are; in vec2s.
struct Taps {
  inside: array<bool, TM>,
  first: array<i32, TM>,
}

fn taps(own: ptr<function, Windows>, dy: i32, dx: i32) -> Taps {
  var tap: Taps;
  for (var i = 0; i < TM; i++) {
    let iy = (*own).row[i] + dy;
    let ix = (*own).col[i] + dx;
    tap.inside[i] = iy >= 0 && iy < s.h && ix >= 0 && ix < s.w;
    tap.first[i] = select(0, 2 * ((((*own).image[i] + iy) * s.w + ix) * s.xs + s.xo), tap.inside[i]);
  }
  return tap;
}

// TM pixels of set `which` from m0 on, WIDTH apart, and COLUMNS vec4s of channels.
fn byPixel(which: i32, m0: i32, end: i32, block: i32, lane: i32) {
  let co0 = block * COLUMNS;
  var place = windows(m0, WIDTH);
  var sums: Sums;
  var sums2: Sums;
  var bias: Weights;
  for (var l = 0; l < (COLUMNS + LANES - 1) / LANES; l++) {
    bias[l] = b[min(co0 + l * LANES + lane, s.cout4 - 1)];
  }
  start(&sums, &bias, 0);
  if (HALVES == 2) { start(&sums2, &bias, 1); }
  let turns = select(4 * s.cin4 / DEPTH, 1, DEPTH == 3); // known of images: no loop
  var at = which * s.setSize + block * s.kh * s.kw * turns * STEP + lane;
  for (var dy = 0; dy < s.kh; dy++) {
    for (var dx = 0; dx < s.kw; dx++) {
      var tap = taps(&place, dy, dx);
      for (var turn = 0; turn < turns; turn++) {
        var wv: Weights;
        for (var l = 0; l < LOADS; l++) { wv[l] = w[at + l * LANES]; }
        at += STEP;
        var xv: Pixels;
        for (var i = 0; i < TM; i++) {
          xv[i] = select(vec4f(0), channels(tap.first[i] + turn * ((DEPTH + 1) / 2)), tap.inside[i]);
        }
        accumulate(&sums, &xv, &wv, 0);
        if (HALVES == 2) { accumulate(&sums2, &xv, &wv, 1); }
      }
    }
  }

  store(&sums, &sums2, m0, end, co0);
}

// The first pixel becomes the last one.
fn rotate(tap: ptr<function, Taps>) {
  let inside = (*tap).inside[0];
  let first = (*tap).first[0];
  for (var i = 0; i < TM - 1; i++) {
    (*tap).inside[i] = (*tap).inside[i + 1];
    (*tap).first[i] = (*tap).first[i + 1];
  }
  (*tap).inside[TM - 1] = inside;
  (*tap).first[TM - 1] = first;
}

// TM pixels of set `which` from m0 on, the lanes' own vec4s of channels. Of x each lane loads another vec4.
fn byChannel(which: i32, m0: i32, end: i32, block: i32, lane: i32) {
  let own = min(LANES, COLUMNS);
  let co = block * own + lane % own;
  var sums: Pixels;
  let bias = b[min(co, s.cout4 - 1)];
  for (var i = 0; i < TM; i++) { sums[i] = bias; }
  let cin2 = 2 * s.cin4;
  var at = which * s.setSize + co / COLUMNS * s.kh * s.kw * cin2 * STEP + co % COLUMNS;
  var place = windows(m0, 1);
  for (var dy = 0; dy < s.kh; dy++) {
    for (var dx = 0; dx < s.kw; dx++) {
      var tap = taps(&place, dy, dx);
      for (var ci = 0; ci < cin2; ci += LANES) {
        // A loop that stays one, as in store: its load would be most of the code, TM times over.
        var xv: array<vec2f, TM>;
        let c = min(ci + lane, cin2 - 1);
        for (var k = 0; k < TM + min(s.m, 0); k++) {
          let value = select(vec2f(0), x[tap.first[0] + c], tap.inside[0]);
          rotate(&tap);
          for (var i = 0; i < TM - 1; i++) { xv[i] = xv[i + 1]; }
          xv[TM - 1] = value;
        }
        for (var l = 0; l < min(LANES, cin2 - ci); l++) {
          let w0 = w[at];
          let w1 = w[at + COLUMNS];
          at += STEP;
          for (var i = 0; i < TM; i++) {
            let v = subgroupShuffle(xv[i], u32(l));
            sums[i] += v.x * w0 + v.y * w1;
          }
        }
      }
    }
  }

  if (lane >= own || co >= s.cout4) { return; }
  let negative = below(co);
  for (var m = m0; m < min(m0 + TM, end); m++) {
    output(m, co, sums[0], negative);
    for (var i = 0; i < TM - 1; i++) { sums[i] = sums[i + 1]; }
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
  let first = which * s.m + groupRow % s.setGroups * TM * select(WIDTH, 1, BY_CHANNEL);
  let end = min((which + 1) * s.m, s.total);
  let lane = i32(invocation) & (LANES - 1);
  if (BY_CHANNEL) { byChannel(which, first, end, i32(group.x), lane); }
  else { byPixel(which, first + i32(local.x), end, i32(group.x), lane); }
}
