import type { Face } from '../../engine/face.ts';
import type { Colour } from '../../engine/image/draw.ts';
import type { Image } from '../../engine/image/image.ts';
import { fabricOf } from './fabric.ts';
import { lightOn } from './light.ts';
import { poseOf } from './pose.ts';
import { type Layer, rasterise } from './raster.ts';
import { shapeOf } from './shape.ts';
import type { MaskKind, MaskStyle } from './style.ts';

/** Elastic is white, unless the straps are of the mask's own cloth. */
const LOOPS: Partial<Record<MaskKind, Colour>> = {
  surgical: [225, 225, 225],
  n95: [225, 225, 220],
};

/** How dark the mask's shadow on the skin is, and how far it reaches in distances between the eyes. */
const SHADOW = { depth: 0.35, reach: 0.04 };

/**
 * A copy of the image in which the face wears a mask: a sheet on a model head that stands as the five
 * landmarks say, in the light that the face stands in. Deterministic: the style holds the seed.
 */
export function drawMask(image: Image, face: Face, style: MaskStyle): Image {
  const pose = poseOf(face);
  const light = lightOn(image, face, pose);
  const fabric = fabricOf(style);
  const grey = 0.299 * style.colour[0] + 0.587 * style.colour[1] + 0.114 * style.colour[2];
  const tint = style.colour.map((v) => (grey + (v - grey) * light.saturation) * light.exposure);
  const loops = LOOPS[style.kind];
  const band = loops ? loops.map((v) => v * light.exposure) : tint;
  const layer = rasterise(
    shapeOf(style),
    pose,
    image,
    Math.ceil(3 * SHADOW.reach * pose.scale) + 1,
    (part, u, v, normal) => {
      const shade = light.shade(normal);
      const [r, g, b] = part === 'strap' ? band : tint;
      const tone = part === 'strap' ? shade : shade * fabric(u, v);
      return [r * tone, g * tone, b * tone];
    },
  );
  return lay(image, layer, SHADOW.reach * pose.scale);
}

/** The image with a mask on every face, the largest, who stand in front, last. */
export function drawMasks(
  image: Image,
  faces: readonly Face[],
  style: (face: Face, index: number) => MaskStyle,
): Image {
  const order = [...faces.entries()].sort(
    ([, { box: a }], [, { box: b }]) => a[2] * a[3] - b[2] * b[3],
  );
  return order.reduce((picture, [i, face]) => drawMask(picture, face, style(face, i)), image);
}

function lay(image: Image, layer: Layer, reach: number): Image {
  const picture = { ...image, data: image.data.slice() };
  const shadow = blurred(layer, Math.max(1, Math.round(reach)));
  const { left, top, width, height, colour, cover } = layer;
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      if (shadow[i] === 0) continue;
      const at = ((top + y) * image.width + left + x) * 3;
      const skin = (1 - cover[i]) * (1 - SHADOW.depth * shadow[i]);
      for (let c = 0; c < 3; c++) {
        const value = skin * image.data[at + c] + colour[i * 3 + c];
        picture.data[at + c] = Math.min(255, Math.round(value));
      }
    }
  return picture;
}

/** The cover, averaged over squares of 2 `radius` + 1 twice, which is nearly a bell. */
function blurred({ width, height, cover }: Layer, radius: number): Float32Array {
  let values = cover;
  for (let pass = 0; pass < 2; pass++) {
    values = averaged(values, width, height, 1, width, radius);
    values = averaged(values, height, width, width, 1, radius);
  }
  return values;
}

function averaged(
  values: Float32Array,
  length: number,
  lines: number,
  step: number,
  stride: number,
  radius: number,
): Float32Array {
  const out = new Float32Array(values.length);
  for (let line = 0; line < lines; line++) {
    let sum = 0;
    const at = (i: number) => line * stride + i * step;
    for (let i = -radius; i < length + radius; i++) {
      if (i + radius < length && i + radius >= 0) sum += values[at(i + radius)];
      if (i - radius - 1 >= 0) sum -= values[at(i - radius - 1)];
      if (i >= 0 && i < length) out[at(i)] = sum / (2 * radius + 1);
    }
  }
  return out;
}
