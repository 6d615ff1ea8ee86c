// The k best rows of a resident matrix for each probe, by cosine similarity of unit vectors.
//   rows    [N][D]   f32, or f16 in pairs when HALF: four, or eight, values to a vec4u
//   probes  [P][D]   D in vec4s, padded with zeros
//   scores  [P][B][K]  similarity     indices  [P][B][K]  row, or -1 where a block has fewer rows
// One workgroup scans one block of BLOCK rows for one probe: each invocation scores its rows into
// workgroup memory, then the best of them are drawn K times. Blocks are merged on the CPU.

struct Shape { n: i32, d4: i32, k: i32, blocks: i32 }

@group(0) @binding(0) var<storage, read> rows: array<vec4u>;
@group(0) @binding(1) var<storage, read> probes: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> scores: array<f32>;
@group(0) @binding(3) var<storage, read_write> indices: array<i32>;
@group(0) @binding(4) var<uniform> s: Shape;

const SIZE = 64;
const NONE = -2.0; // below any cosine
var<workgroup> block: array<f32, BLOCK>;
var<workgroup> bestScore: array<f32, SIZE>;
var<workgroup> bestAt: array<i32, SIZE>;

fn similarity(row: i32, probe: i32) -> f32 {
  var sum = vec4f(0);
  if (HALF) {
    let d8 = s.d4 / 2;
    for (var d = 0; d < d8; d++) {
      let packed = rows[row * d8 + d];
      let low = vec4f(unpack2x16float(packed.x), unpack2x16float(packed.y));
      let high = vec4f(unpack2x16float(packed.z), unpack2x16float(packed.w));
      sum = fma(low, probes[probe + 2 * d], sum);
      sum = fma(high, probes[probe + 2 * d + 1], sum);
    }
  } else {
    for (var d = 0; d < s.d4; d++) {
      sum = fma(bitcast<vec4f>(rows[row * s.d4 + d]), probes[probe + d], sum);
    }
  }
  return sum.x + sum.y + sum.z + sum.w;
}

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let i = i32(local.x);
  let first = i32(group.x) * BLOCK;
  let probe = i32(group.y) * s.d4;
  for (var at = i; at < BLOCK; at += SIZE) {
    let row = first + at;
    var score = NONE;
    if (row < s.n) {
      score = similarity(row, probe);
    }
    block[at] = score;
  }
  for (var rank = 0; rank < s.k; rank++) {
    var best = NONE;
    var bestIndex = -1;
    for (var at = i; at < BLOCK; at += SIZE) {
      if (block[at] > best) { best = block[at]; bestIndex = at; }
    }
    bestScore[i] = best;
    bestAt[i] = bestIndex;
    workgroupBarrier();
    if (i == 0) {
      for (var j = 1; j < SIZE; j++) {
        if (bestScore[j] > best) { best = bestScore[j]; bestIndex = bestAt[j]; }
      }
      let slot = (i32(group.y) * s.blocks + i32(group.x)) * s.k + rank;
      scores[slot] = best;
      indices[slot] = select(first + bestIndex, -1, bestIndex < 0);
      if (bestIndex >= 0) { block[bestIndex] = NONE; }
    }
    workgroupBarrier();
  }
}
