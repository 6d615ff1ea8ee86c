// The k best rows of a resident matrix for each probe, by cosine similarity of unit vectors.
//   rows    [N][D]   f32, or f16 in pairs when HALF: four, or eight, values to a vec4u
//   probes  [P][D]   D in vec4s, padded with zeros
//   scores  [P][B][K]  similarity     indices  [P][B][K]  row, or -1 where a block has fewer rows
// One workgroup scans one block of BLOCK rows for PROBES probes, up to four: each invocation scores
// ROWS rows at a time, so that what it loads of a probe serves several rows. Each lane of a subgroup
// loads one of the probes, and the lanes read it from each other. Then the best of the block are
// drawn K times for each probe: every invocation knows its own best, some look for the best of a group
// of invocations each, and all for the best of the groups. Blocks are merged on the CPU.
enable subgroups;

struct Shape { n: i32, d4: i32, k: i32, blocks: i32, probes: i32 }

@group(0) @binding(0) var<storage, read> rows: array<vec4u>;
@group(0) @binding(1) var<storage, read> probes: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> scores: array<f32>;
@group(0) @binding(3) var<storage, read_write> indices: array<i32>;
@group(0) @binding(4) var<uniform> s: Shape;

const SIZE = 64;
const GROUP = 8; // and as many groups
const NONE = -2.0; // below any cosine
var<workgroup> block: array<f32, BLOCK * PROBES>;
var<workgroup> bestScore: array<f32, SIZE>;
var<workgroup> bestAt: array<i32, SIZE>;
var<workgroup> groupScore: array<f32, SIZE / GROUP>;
var<workgroup> groupWinner: array<i32, SIZE / GROUP>;

// The f16 numbers in the lower and in the upper halves, as f32 that are 2^-112 times as large: bits
// that only move cost half of unpack2x16float. Probes are multiplied by SCALE instead. What is subnormal
// as f16 (under 6.2e-5) is so as f32 too, and zero on devices that flush those.
const SCALE = 5192296858534827628530496329220096.0; // 2^112
const MASK = bitcast<i32>(0x8fffe000u); // sign, five bits of exponent, ten of mantissa
fn lower(v: vec4u) -> vec4f {
  return bitcast<vec4f>((bitcast<vec4i>(v << vec4u(16)) >> vec4u(3)) & vec4i(MASK));
}
fn upper(v: vec4u) -> vec4f {
  return bitcast<vec4f>((bitcast<vec4i>(v) >> vec4u(3)) & vec4i(MASK));
}

// The similarities of ROWS rows, SIZE apart, and PROBES probes go to the block.
fn score(first: i32, at: i32, probe0: i32, lane: i32) {
  var row: array<i32, ROWS>;
  var sum: array<f32, ROWS * PROBES>;
  let width = select(s.d4, s.d4 / 2, HALF);
  for (var r = 0; r < ROWS; r++) { row[r] = min(first + at + r * SIZE, s.n - 1) * width; }
  let mine = min(probe0 + lane % PROBES, s.probes - 1) * s.d4;
  for (var d = 0; d < width; d++) {
    // Probes before rows: nothing of a row is kept longer than it takes to multiply it.
    if (HALF) {
      let a = probes[mine + 2 * d] * SCALE;
      let b = probes[mine + 2 * d + 1] * SCALE;
      var even: array<vec4f, PROBES>;
      var odd: array<vec4f, PROBES>;
      for (var p = 0; p < PROBES; p++) {
        even[p] = subgroupShuffle(vec4f(a.xz, b.xz), u32(p));
        odd[p] = subgroupShuffle(vec4f(a.yw, b.yw), u32(p));
      }
      for (var r = 0; r < ROWS; r++) {
        let pairs = rows[row[r] + d];
        let low = lower(pairs);
        let high = upper(pairs);
        for (var p = 0; p < PROBES; p++) {
          sum[p * ROWS + r] += dot(low, even[p]) + dot(high, odd[p]);
        }
      }
    } else {
      let own = probes[mine + d];
      var probe: array<vec4f, PROBES>;
      for (var p = 0; p < PROBES; p++) { probe[p] = subgroupShuffle(own, u32(p)); }
      for (var r = 0; r < ROWS; r++) {
        let value = bitcast<vec4f>(rows[row[r] + d]);
        for (var p = 0; p < PROBES; p++) { sum[p * ROWS + r] += dot(value, probe[p]); }
      }
    }
  }
  for (var r = 0; r < ROWS; r++) {
    let to = at + r * SIZE;
    for (var p = 0; p < PROBES; p++) {
      block[p * BLOCK + to] = select(NONE, sum[p * ROWS + r], first + to < s.n);
    }
  }
}

@compute @workgroup_size(SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let i = i32(local.x);
  let first = i32(group.x) * BLOCK;
  let probe0 = i32(group.y) * PROBES;
  for (var at = 0; at < BLOCK; at += SIZE * ROWS) { score(first, at + i, probe0, i32(lane)); }

  for (var p = 0; p < min(PROBES, s.probes - probe0); p++) {
    let base = p * BLOCK;
    var stale = true;
    for (var rank = 0; rank < s.k; rank++) {
      // Only the invocation that lost its best looks for another.
      if (stale) {
        var best = NONE;
        var bestIndex = -1;
        for (var at = i; at < BLOCK; at += SIZE) {
          if (block[base + at] > best) { best = block[base + at]; bestIndex = at; }
        }
        bestScore[i] = best;
        bestAt[i] = bestIndex;
      }
      workgroupBarrier();
      if (i < SIZE / GROUP) {
        var best = NONE;
        var winner = i * GROUP;
        for (var j = i * GROUP; j < (i + 1) * GROUP; j++) {
          if (bestScore[j] > best) { best = bestScore[j]; winner = j; }
        }
        groupScore[i] = best;
        groupWinner[i] = winner;
      }
      workgroupBarrier();
      var best = groupScore[0];
      var winner = groupWinner[0];
      for (var g = 1; g < SIZE / GROUP; g++) {
        if (groupScore[g] > best) { best = groupScore[g]; winner = groupWinner[g]; }
      }
      stale = winner == i;
      workgroupBarrier();
      if (stale) {
        let slot = ((probe0 + p) * s.blocks + i32(group.x)) * s.k + rank;
        scores[slot] = best;
        indices[slot] = select(first + bestAt[i], -1, bestAt[i] < 0);
        if (bestAt[i] >= 0) { block[base + bestAt[i]] = NONE; }
      }
    }
    workgroupBarrier();
  }
}
