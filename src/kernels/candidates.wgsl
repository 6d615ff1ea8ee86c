// Collects the cells of a P-Net level whose face probability reaches the threshold.
//   head   [1][H][W][8]  two logits, four box offsets, two unused; only the first `rows` rows count
//   count  number of cells found, also beyond the capacity of `found`
//   found  [CAP] candidates, in no particular order
// One invocation looks at one cell.

struct Candidate { level: u32, row: u32, col: u32, score: f32, offsets: vec4f }
struct Shape { level: u32, first: u32, w: u32, cells: u32, capacity: u32, threshold: f32 }

@group(0) @binding(0) var<storage, read_write> head: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> count: atomic<u32>;
@group(0) @binding(2) var<storage, read_write> found: array<Candidate>;
@group(0) @binding(3) var<uniform> s: Shape;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = (group.y + group.z * groups.y) * 64 + local.x;
  if (i >= s.cells) { return; }
  let a = head[2 * i];
  let b = head[2 * i + 1];
  let score = 1 / (1 + exp(a.x - a.y));
  if (score < s.threshold) { return; }
  let slot = atomicAdd(&count, 1);
  if (slot < s.capacity) {
    found[slot] = Candidate(s.level, s.first + i / s.w, i % s.w, score, vec4f(a.zw, b.xy));
  }
}
