// First step of a 3×3 convolution by Winograd's F(4×4, 3×3): of each tile d of 6×6 pixels, those of
// 4×4 outputs and around them, BᵀdB.
//   x  [N][H][W][C]      pixels xs vec4 apart, slice starts at vec4 xo
//   v  [36][TILES][C]    element of a tile, row by row; tile
// One invocation makes one vec4 of channels of a tile.

struct Shape {
  h: i32, w: i32, c4: i32, xs: i32, xo: i32,
  tilesH: i32, tilesW: i32, padTop: i32, padLeft: i32, total: i32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(2) var<uniform> s: Shape;

const B = array(
  array(4.0, 0, 0, 0, 0, 0),
  array(0.0, -4, 4, -2, 2, 4),
  array(-5.0, -4, -4, -1, -1, 0),
  array(0.0, 1, -1, 2, -2, -5),
  array(1.0, 1, 1, 1, 1, 0),
  array(0.0, 0, 0, 0, 0, 1),
);

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = i32((group.y + group.z * groups.y) * 64 + local.x);
  let c = i % s.c4;
  let tile = min(i, s.total - 1) / s.c4;
  let line = tile / s.tilesW;
  let image = line / s.tilesH * s.h;
  let y0 = line % s.tilesH * 4 - s.padTop;
  let x0 = tile % s.tilesW * 4 - s.padLeft;

  // Column by column, each added to all that it is part of: a loop that stays one, since lavapipe
  // takes four times as long to compile six copies of it, and they run no faster.
  var sums: array<vec4f, 36>;
  for (var col = 0; col < 6; col++) {
    let ix = x0 + col;
    var d: array<vec4f, 6>;
    for (var row = 0; row < 6; row++) {
      let iy = y0 + row;
      let inside = iy >= 0 && iy < s.h && ix >= 0 && ix < s.w;
      let at = select(0, ((image + iy) * s.w + ix) * s.xs + s.xo + c, inside);
      d[row] = select(vec4f(0), x[at], inside);
    }
    let e = d[4] - 4 * d[2];
    let f = d[3] - 4 * d[1];
    let g = d[4] - d[2];
    let h = 2 * (d[3] - d[1]);
    let column = array(
      4 * d[0] - 5 * d[2] + d[4],
      e + f,
      e - f,
      g + h,
      g - h,
      4 * d[1] - 5 * d[3] + d[5],
    );
    let factors = B[col];
    for (var row = 0; row < 6; row++) {
      for (var k = 0; k < 6; k++) { sums[row * 6 + k] += column[row] * factors[k]; }
    }
  }

  if (i >= s.total) { return; }
  for (var k = 0; k < 36; k++) { v[k * s.total + i] = sums[k]; }
}
