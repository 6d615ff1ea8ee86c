import type { Image } from '../image/image.ts';

/**
 * An image that is the same every time: waves for what is smooth, and on them blots and grains for
 * what is not.
 */
export function testImage(width: number, height: number): Image {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    const wave = 60 * Math.sin(x / (17 + 5 * c)) * Math.cos(y / (23 - 4 * c));
    const blot = Math.hypot((x % 90) - 45, (y % 110) - 55) < 30 ? 45 : 0;
    data[i] = 110 + wave + blot + ((Math.imul(i, 2654435761) >>> 27) - 16);
  }
  return { width, height, data };
}
