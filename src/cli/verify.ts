import type { Command } from 'commander';
import { FacegraphError } from '../errors.ts';
import { type Photograph, readPhotograph } from '../faces/folder/photographs.ts';
import { type Verification, verify as verifyImages } from '../faces/verify.ts';
import { type Album, openAlbum } from './album.ts';
import {
  DEFAULT_MODEL,
  detectOptions,
  modelOption,
  type PhotographOptions,
  photographOptions,
  thresholdOption,
} from './options.ts';
import { block, boxText, counted, print, rounded } from './output.ts';
import { withEngine } from './session.ts';

interface Options extends PhotographOptions {
  readonly model: string;
  readonly threshold?: number;
}

/** Adds the verb `verify`. */
export function registerVerify(program: Command): void {
  const command = program
    .command('verify')
    .description('compare every face of one image with every face of another')
    .argument('<a>', 'image file')
    .argument('<b>', 'image file');
  photographOptions(thresholdOption(modelOption(command, DEFAULT_MODEL))).action(verify);
}

async function verify(pathA: string, pathB: string, options: Options): Promise<void> {
  const album = await openAlbum(options.out);
  const [a, b] = await Promise.all([read(pathA), read(pathB)]);
  await withEngine(async (engine) => {
    const embedder = await engine.embedder(options.model);
    const result = await verifyImages(engine, embedder, a.image, b.image, {
      threshold: options.threshold,
      detect: detectOptions(options),
    }).catch((error) => {
      const which = error instanceof FacegraphError ? error.details.image : undefined;
      throw which ? inFile(which === 'a' ? pathA : pathB, error) : error;
    });
    if (options.json) print(JSON.stringify(document(result)));
    else print(text(result));
    if (album) await draw(album, a, b, result);
  });
  album?.end();
}

async function read(path: string): Promise<Photograph> {
  try {
    return { path, image: await readPhotograph(path) };
  } catch (error) {
    throw inFile(path, error);
  }
}

function inFile(path: string, error: unknown): unknown {
  if (!(error instanceof FacegraphError)) return error;
  return new FacegraphError(error.code, `${path}: ${error.message}`, error.details);
}

function document({ model, threshold, pairs }: Verification): object {
  return {
    model,
    threshold,
    pairs: pairs.map(({ a, b, distance, match }) => ({
      a: a.box,
      b: b.box,
      distance: rounded(distance),
      match,
    })),
  };
}

function text({ model, threshold, pairs }: Verification): string {
  const matches = pairs.filter(({ match }) => match).length;
  return block(
    `${model}, threshold ${threshold}: ${matches} of ${counted(pairs.length, 'pair')} match`,
    pairs.map(({ a, b, distance, match }) => [
      match ? 'match' : 'different',
      distance.toFixed(4),
      `A ${boxText(a)}`,
      `B ${boxText(b)}`,
    ]),
  );
}

async function draw(
  album: Album,
  a: Photograph,
  b: Photograph,
  { pairs }: Verification,
): Promise<void> {
  const facesA = [...new Set(pairs.map((pair) => pair.a))];
  const facesB = [...new Set(pairs.map((pair) => pair.b))];
  await album.faces(
    a,
    facesA.map((face, i) => ({ face, label: `A${i + 1}` })),
  );
  await album.faces(
    b,
    facesB.map((face, i) => ({ face, label: `B${i + 1}` })),
  );
  for (const pair of pairs.filter(({ match }) => match)) {
    const names = [`A${facesA.indexOf(pair.a) + 1}`, `B${facesB.indexOf(pair.b) + 1}`];
    await album.pair(
      { photograph: a, face: pair.a },
      { photograph: b, face: pair.b },
      names.join('-'),
      `${names.join(' ')} ${pair.distance.toFixed(3)}`,
    );
  }
}
