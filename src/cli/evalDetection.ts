import type { Command } from 'commander';
import { detectionRows } from '../faces/evaluation/detectionRows.ts';
import { evaluateDetection } from '../faces/evaluation/evaluateDetection.ts';
import type { Row } from '../faces/evaluation/wording.ts';
import {
  type EvaluationOptions,
  evaluationOptions,
  imageProgress,
  imagesIn,
  imagesOf,
  present,
  textOf,
} from './evaluation.ts';
import { detectOptions } from './options.ts';
import { withEngine } from './session.ts';

interface Options extends EvaluationOptions {
  readonly boxes: readonly string[];
  readonly faces: string | true;
}

/** Adds the verb `eval detection`. */
export function registerEvalDetection(group: Command): void {
  const command = group
    .command('detection')
    .description('how many faces are found, and how much that is none')
    .requiredOption(
      '--boxes <files...>',
      'marked faces: CSV (image,x,y,width,height) or XML of dlib',
    )
    .option('--no-faces <dir>', 'images that show no face');
  evaluationOptions(command, 'folder that the names in the boxes file start from').action(
    evalDetection,
  );
}

async function evalDetection(options: Options): Promise<void> {
  // Loaded here and not above: the parsers are of no use to other verbs.
  const { parseBoxes } = await import('../faces/evaluation/boxes.ts');
  const { images: directory, boxes, faces } = options;
  const marked = parseBoxes(await Promise.all(boxes.map(textOf)));
  await imagesOf(options);
  const withoutFaces = faces === true ? [] : await imagesIn(faces);
  await withEngine(async (engine) => {
    const test = { directory, marked, withoutFaces };
    const done = await evaluateDetection(engine, detectOptions(options), test, imageProgress);
    await present(
      options,
      done.result,
      [`mtcnn on ${boxes.join(', ')}`, detectionRows(done.result)],
      async () => {
        const { detectionReport } = await import('../faces/evaluation/detectionReport.ts');
        const source: Row[] = [
          ['images', directory],
          ['boxes', boxes.join(', ')],
        ];
        if (faces !== true) source.push(['images without faces', faces]);
        return detectionReport(done, source);
      },
    );
  });
}
