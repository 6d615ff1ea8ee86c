import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { closeDecoder, decodeImage } from '../src/engine/image/decode.ts';
import { encodeJpeg, encodePng } from '../src/engine/image/encode.ts';
import { FacegraphError } from '../src/errors.ts';
import { jpegFixture, luma } from './support/jpegFixture.ts';
import { GREYS, gradient } from './support/pixels.ts';
import { PNG_SIGNATURE } from './support/pngFixture.ts';

const SOI = Uint8Array.of(0xff, 0xd8);
const jpeg = encodeJpeg(gradient(67, 41));
const png = encodePng(gradient(67, 41));
const grey = { width: 24, height: 16, components: [luma(GREYS)] };

afterAll(closeDecoder);

describe('any bytes', () => {
  const limits = { maxBytes: 1e6, maxPixels: 250_000 };
  const answersOf = async (file: Uint8Array) => {
    const answer = await decodeImage(file, limits).catch((error: unknown) => error);
    if (answer instanceof FacegraphError) return answer.code;
    expect(answer).not.toBeInstanceOf(Error);
    const image = answer as Awaited<ReturnType<typeof decodeImage>>;
    expect(image.data.length).toBe(image.width * image.height * 3);
    return 'decoded';
  };

  it('a JPEG cut anywhere is refused, never half a picture', async () => {
    const cuts = Array.from({ length: jpeg.length }, (_, n) => jpeg.subarray(0, n));
    const answers = await Promise.all(cuts.map(answersOf));
    expect(new Set(answers)).toEqual(new Set(['UnsupportedImage']));
  });

  it('changed bytes decode or are refused, and the decoder lives on', async () => {
    const files = [jpeg, png, jpegFixture({ ...grey, progressive: true, restart: 2 })];
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 12 });
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), changes, async (file, edits) => {
        const changed = Uint8Array.from(file);
        for (const [at, value] of edits) changed[at % file.length] = value;
        seen.add(await answersOf(changed));
      }),
      { numRuns: 400, seed: 20 },
    );
    expect(seen).toContain('decoded');
    expect(seen).toContain('UnsupportedImage');
    expect(await answersOf(jpeg)).toBe('decoded');
  });

  it('rubbish behind a magic number is refused', async () => {
    const magic = fc.constantFrom(SOI, PNG_SIGNATURE, jpeg.subarray(0, 200), png.subarray(0, 60));
    await fc.assert(
      fc.asyncProperty(magic, fc.uint8Array({ maxLength: 500 }), async (start, rest) => {
        expect(await answersOf(Buffer.concat([start, rest]))).toMatch(/Unsupported|TooLarge/);
      }),
      { numRuns: 200, seed: 20 },
    );
  });
});
