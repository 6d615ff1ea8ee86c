import type { Command } from 'commander';
import { classify as classifyFaces } from '../faces/classify.ts';
import { openAlbum } from './album.ts';
import { eachPhotograph } from './batch.ts';
import {
  detectOptions,
  modelOption,
  type PhotographOptions,
  photographOptions,
  topOption,
} from './options.ts';
import { block, boxText, counted, rounded } from './output.ts';
import { withEngine } from './session.ts';

interface Options extends PhotographOptions {
  readonly model: string;
  readonly top: number;
}

/** Adds the verb `classify`. */
export function registerClassify(program: Command): void {
  const command = program
    .command('classify')
    .description('the most probable of the classifier’s 8631 names for every face')
    .argument('<images...>', 'image files or folders');
  photographOptions(topOption(modelOption(command, 'senet50-vggface2'), 'names')).action(classify);
}

async function classify(paths: string[], options: Options): Promise<void> {
  const album = await openAlbum(options.out);
  await withEngine(async (engine) => {
    const embedder = await engine.embedder(options.model);
    await eachPhotograph(paths, options.json === true, { faces: [] }, async (photograph) => {
      const { path, image } = photograph;
      const found = await classifyFaces(engine, embedder, image, {
        top: options.top,
        detect: detectOptions(options),
      });
      await album?.faces(
        photograph,
        found.map(({ face, names: [best] }) => ({ face, label: `${best.name} ${percent(best)}` })),
      );
      return {
        value: {
          image: path,
          faces: found.map(({ face, names }) => ({
            box: face.box,
            names: names.map(({ name, probability }) => ({
              name,
              probability: rounded(probability, 7),
            })),
          })),
        },
        text: block(
          `${path}  ${counted(found.length, 'face')}`,
          found.map(({ face, names }, i) => [
            `${i + 1}`,
            boxText(face),
            names.map((name) => `${name.name} ${percent(name)}`).join(', '),
          ]),
        ),
      };
    });
  });
  album?.end();
}

function percent({ probability }: { probability: number }): string {
  return `${(probability * 100).toFixed(1)} %`;
}
