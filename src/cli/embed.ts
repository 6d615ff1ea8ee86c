import type { Command } from 'commander';
import { openAlbum } from './album.ts';
import { eachPhotograph } from './batch.ts';
import {
  DEFAULT_MODEL,
  detectOptions,
  modelOption,
  type PhotographOptions,
  photographOptions,
} from './options.ts';
import { block, boxText, counted, rounded } from './output.ts';
import { withEngine } from './session.ts';

interface Options extends PhotographOptions {
  readonly model: string;
}

/** Adds the verb `embed`. */
export function registerEmbed(program: Command): void {
  const command = program
    .command('embed')
    .description('the L2-normalised embedding of every face')
    .argument('<images...>', 'image files or folders');
  photographOptions(modelOption(command, DEFAULT_MODEL)).action(embed);
}

async function embed(paths: string[], options: Options): Promise<void> {
  const album = await openAlbum(options.out);
  await withEngine(async (engine) => {
    const embedder = await engine.embedder(options.model);
    await eachPhotograph(paths, options.json === true, { faces: [] }, async (photograph) => {
      const { path, image } = photograph;
      const faces = await engine.detect(image, detectOptions(options));
      const embeddings = faces.length > 0 ? await embedder.embed(image, faces) : [];
      await album?.faces(
        photograph,
        faces.map((face) => ({ face })),
      );
      return {
        value: {
          image: path,
          faces: faces.map(({ box }, i) => ({ box, embedding: decimal(embeddings[i]) })),
        },
        text: block(
          `${path}  ${counted(faces.length, 'face')}`,
          faces.map((face, i) => [`${i + 1}`, boxText(face), preview(embeddings[i])]),
        ),
      };
    });
  });
  album?.end();
}

// Nine significant digits give back every float32 exactly.
function decimal(embedding: Float32Array): number[] {
  return Array.from(embedding, (value) => Number(value.toPrecision(9)));
}

function preview(embedding: Float32Array): string {
  const first = Array.from(embedding.subarray(0, 4), (value) => rounded(value, 4));
  return `${embedding.length} values: ${first.join(', ')}, …`;
}
