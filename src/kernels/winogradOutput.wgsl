// Last step of a 3×3 convolution by Winograd's F(4×4, 3×3): y = activation(AᵀmA + bias), a tile of
// 4×4 outputs for each 6×6 products m.
//   m  [36][TILES][C]    element of a tile, row by row; tile
//   b, slope  [C]
//   y  [N][H][W][C]      pixels ys vec4 apart, slice starts at vec4 yo
// One invocation makes one vec4 of channels of a tile.

struct Shape {
  h: i32, w: i32, c4: i32, ys: i32, yo: i32,
  tilesH: i32, tilesW: i32, total: i32, activation: i32,
}

@group(0) @binding(0) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> slope: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> s: Shape;

const A = array(
  vec4f(1, 0, 0, 0),
  vec4f(1, 1, 1, 1),
  vec4f(1, -1, 1, -1),
  vec4f(1, 2, 4, 8),
  vec4f(1, -2, 4, -8),
  vec4f(0, 0, 0, 1),
);

// What values below zero are multiplied by, as in conv.wgsl.
fn below(c: i32) -> vec4f {
  switch (s.activation) {
    case 1: { return vec4f(0); }
    case 2: { return slope[c]; }
    default: { return vec4f(1); }
  }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let own = i32((group.y + group.z * groups.y) * 64 + local.x);
  let i = min(own, s.total - 1);
  let c = i % s.c4;
  let tile = i / s.c4;
  let line = tile / s.tilesW;
  let image = line / s.tilesH * s.h;
  let y0 = line % s.tilesH * 4;
  let x0 = tile % s.tilesW * 4;

  // Column by column as in winogradInput.wgsl.
  var sums: array<vec4f, 16>;
  for (var k = 0; k < 16; k++) { sums[k] = b[c]; }
  for (var col = 0; col < 6; col++) {
    var p: array<vec4f, 6>;
    for (var row = 0; row < 6; row++) { p[row] = m[(row * 6 + col) * s.total + i]; }
    let e = p[1] + p[2];
    let f = p[1] - p[2];
    let g = p[3] + p[4];
    let h = p[3] - p[4];
    let column = array(p[0] + e + g, f + 2 * h, e + 4 * g, f + 8 * h + p[5]);
    let factors = A[col];
    for (var row = 0; row < 4; row++) {
      for (var k = 0; k < 4; k++) { sums[row * 4 + k] += column[row] * factors[k]; }
    }
  }

  let negative = below(c);
  let rows = select(0, min(4, s.h - y0), own < s.total);
  let cols = min(4, s.w - x0);
  // Loops with ends known at run time, and what is next moved to the front, as in conv.wgsl.
  for (var row = 0; row < rows; row++) {
    var line = array(sums[0], sums[1], sums[2], sums[3]);
    for (var k = 0; k < 12; k++) { sums[k] = sums[k + 4]; }
    for (var col = 0; col < cols; col++) {
      let v = line[0];
      for (var k = 0; k < 3; k++) { line[k] = line[k + 1]; }
      let at = ((image + y0 + row) * s.w + x0 + col) * s.ys + s.yo + c;
      y[at] = max(v, vec4f(0)) + negative * min(v, vec4f(0));
    }
  }
}
