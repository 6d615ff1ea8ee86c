import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { afterAll, describe, expect, it } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { encodeJpeg, encodePng } from '../src/engine/image/encode.ts';
import { gradient } from './support/pixels.ts';

afterAll(closeDecoder);

describe('encode', () => {
  it('PNG keeps every pixel, JPEG nearly', async () => {
    const image = gradient(67, 41);
    expect(await decodeImage(encodePng(image))).toEqual(image);
    const lossy = await decodeImage(encodeJpeg(image));
    const error = lossy.data.reduce((sum, v, i) => sum + Math.abs(v - image.data[i]), 0);
    expect(error / image.data.length).toBeLessThan(3);
    expect(encodeJpeg(image, 20).length).toBeLessThan(encodeJpeg(image, 95).length);
  });

  it('writes files that the libraries themselves read back', () => {
    const image = gradient(20, 30);
    expect(PNG.sync.read(Buffer.from(encodePng(image)))).toMatchObject({ width: 20, height: 30 });
    expect(jpeg.decode(encodeJpeg(image))).toMatchObject({ width: 20, height: 30 });
  });
});
