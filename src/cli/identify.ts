import type { Command } from 'commander';
import type { Face } from '../engine/face.ts';
import { type KnownFace, type KnownFaces, listKnown, loadKnown } from '../faces/folder/known.ts';
import { type Photograph, readPhotograph } from '../faces/folder/photographs.ts';
import { type Identification, identify as identifyFaces } from '../faces/identify.ts';
import { type Album, openAlbum } from './album.ts';
import { eachPhotograph } from './batch.ts';
import { report, say } from './failure.ts';
import {
  DEFAULT_MODEL,
  detectOptions,
  modelOption,
  type PhotographOptions,
  photographOptions,
  thresholdOption,
  topOption,
} from './options.ts';
import { block, boxText, counted, rounded } from './output.ts';
import { clearProgress, progress } from './progress.ts';
import { withEngine } from './session.ts';

interface Options extends PhotographOptions {
  readonly known: string;
  readonly model: string;
  readonly threshold?: number;
  readonly top: number;
}

interface Found extends Identification<KnownFace> {
  readonly face: Face;
}

/** Adds the verb `identify`. */
export function registerIdentify(program: Command): void {
  const command = program
    .command('identify')
    .description('the nearest known identities of every face, or "unknown"')
    .argument('<probes...>', 'image files or folders')
    .requiredOption('--known <dir>', 'folder of DIR/Name/*.jpg or "DIR/Name (1).jpg"');
  const model = thresholdOption(modelOption(command, DEFAULT_MODEL));
  photographOptions(topOption(model, 'identities')).action(identify);
}

async function identify(paths: string[], options: Options): Promise<void> {
  const album = await openAlbum(options.out);
  const folder = await listKnown(options.known);
  await withEngine(async (engine) => {
    const embedder = await engine.embedder(options.model);
    const detect = detectOptions(options);
    const threshold = options.threshold ?? embedder.threshold;
    const known = await loadKnown(engine, embedder, folder, {
      detect,
      progress: (done, total, path) => progress('known face', done, total, path),
    }).finally(clearProgress);
    tell(known, options.model, threshold);
    try {
      await eachPhotograph(paths, options.json === true, { faces: [] }, async (photograph) => {
        const faces = await engine.detect(photograph.image, detect);
        const probes = faces.length > 0 ? await embedder.embed(photograph.image, faces) : [];
        const answers = await identifyFaces(known.index, known.faces, probes, {
          top: options.top,
          threshold,
        });
        const found = faces.map((face, i) => ({ face, ...answers[i] }));
        if (album) await draw(album, photograph, found);
        return { value: value(photograph.path, found), text: text(photograph.path, found) };
      });
    } finally {
      known.index.destroy();
    }
  });
  album?.end();
}

// A known file that cannot be read makes an "unknown" doubtful, so it costs exit code 0; one
// without a face is only worth a remark.
function tell({ faces, problems }: KnownFaces, model: string, threshold: number): void {
  for (const { path, error } of problems) {
    if ('code' in error && error.code === 'NoFaceFound') say(`${path}: ${error.message}`);
    else report(error, path);
  }
  const identities = new Set([...faces.values()].map(({ identity }) => identity)).size;
  say(
    `${counted(faces.size, 'known face')}, ${identities} identities, ${model}, threshold ${threshold}`,
  );
}

function value(image: string, found: readonly Found[]): object {
  return {
    image,
    faces: found.map(({ face, candidates, match }) => ({
      box: face.box,
      candidates: candidates.map((candidate) => ({
        identity: candidate.identity,
        image: candidate.face.image,
        distance: rounded(candidate.distance),
      })),
      match,
    })),
  };
}

function text(image: string, found: readonly Found[]): string {
  return block(
    `${image}  ${counted(found.length, 'face')}`,
    found.map(({ face, candidates, match }, i) => [
      `${i + 1}`,
      boxText(face),
      match ?? 'unknown',
      candidates.map((c) => `${c.identity} ${c.distance.toFixed(3)}`).join(', '),
    ]),
  );
}

async function draw(album: Album, photograph: Photograph, found: readonly Found[]): Promise<void> {
  await album.faces(
    photograph,
    found.map(({ face, match }) => ({ face, label: match ?? 'unknown' })),
  );
  for (const [i, { face, match, candidates }] of found.entries()) {
    if (match === null) continue;
    const [{ identity, distance, face: near }] = candidates;
    const known = { path: near.image, image: await readPhotograph(near.image) };
    await album.pair(
      { photograph, face },
      { photograph: known, face: near.face },
      `face${i + 1}-${identity}`,
      `${identity} ${distance.toFixed(3)}`,
    );
  }
}
