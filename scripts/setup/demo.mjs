import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './run.mjs';

const SAMPLES = 'node_modules/@vladmandic/face-api/demo';

// The three women of sample3.jpg as [x, y, width, height], under names we made up; the second is
// also the one who laughs on the right of sample1.jpg.
const KNOWN = /** @type {const} */ ([
  ['Ann', [435, 195, 500, 540]],
  ['Beth', [920, 50, 500, 600]],
  ['Carol', [1340, 150, 500, 560]],
]);

/**
 * Makes a folder of known faces out of a sample photograph, unless it is there.
 * @param {string} data the data directory
 * @returns {Promise<string[]>} lines with the command that identifies people with it, and what it
 *   should answer
 */
export async function demo(data) {
  const heading = 'Who is in a photograph?';
  const photograph = join(root, SAMPLES, 'sample3.jpg');
  if (!existsSync(photograph))
    return ['', heading, '', '  npm run -s facegraph -- identify PHOTO.jpg --known FOLDER', ''];
  const folder = join(data, 'demo', 'known');
  const { default: jpeg } = await import('jpeg-js');
  const paths = KNOWN.map(([name]) => join(folder, name, 'sample3.jpg'));
  if (!paths.every((path) => existsSync(path))) {
    const image = jpeg.decode(await readFile(photograph));
    for (const [i, [name, rectangle]] of KNOWN.entries()) {
      await mkdir(join(folder, name), { recursive: true });
      await writeFile(paths[i], jpeg.encode(crop(image, rectangle), 92).data);
    }
  }
  return [
    '',
    `${heading} In another terminal:`,
    '',
    `  npm run -s facegraph -- identify ${SAMPLES}/sample1.jpg --known ${folder} --min-face 80`,
    '',
    'Known are Ann, Beth and Carol (made-up names), cut out of sample3.jpg there. Of the three people',
    'in sample1.jpg one is known: Beth, who laughs on the right. The others should stay unknown.',
    '',
  ];
}

/**
 * @param {{width: number, data: Uint8Array}} image RGBA
 * @param {readonly [number, number, number, number]} rectangle
 */
function crop(image, [x, y, width, height]) {
  const data = Buffer.alloc(width * height * 4);
  for (let row = 0; row < height; row++) {
    const start = ((y + row) * image.width + x) * 4;
    data.set(image.data.subarray(start, start + width * 4), row * width * 4);
  }
  return { width, height, data };
}
