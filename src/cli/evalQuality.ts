import { type Command, Option } from 'commander';
import { evaluateQuality, type Half } from '../faces/evaluation/evaluateQuality.ts';
import { qualityRows } from '../faces/evaluation/qualityRows.ts';
import { openReader } from '../faces/evaluation/reader.ts';
import {
  type EvaluationOptions,
  evaluationOptions,
  imageProgress,
  imagesOf,
  present,
} from './evaluation.ts';
import { DEFAULT_MODEL, detectOptions, modelOption } from './options.ts';
import { withEngine } from './session.ts';

interface Options extends EvaluationOptions {
  readonly model: string;
  readonly half?: Half;
}

/** Adds the verb `eval quality`. */
export function registerEvalQuality(group: Command): void {
  const command = group
    .command('quality')
    .description('what refusing the faces of the lowest quality does to the errors')
    .addOption(
      new Option('--half <half>', 'only every other person by name').choices(['first', 'second']),
    );
  evaluationOptions(
    modelOption(command, DEFAULT_MODEL),
    'folder with a folder of pictures for each person',
  ).action(evalQuality);
}

async function evalQuality(options: Options): Promise<void> {
  const paths = await imagesOf(options);
  await withEngine(async (engine) => {
    const reader = await openReader(engine, options.model, detectOptions(options));
    const { images: directory, half } = options;
    const done = await evaluateQuality(engine, reader, { directory, paths, half }, imageProgress);
    const heading = `${options.model} on ${directory}`;
    await present(options, done.result, [heading, qualityRows(done.result)], async () => {
      // Loaded here and not above: the charts are large, and wanted by few.
      const { qualityReport } = await import('../faces/evaluation/qualityReport.ts');
      return qualityReport(done, [['images', directory]]);
    });
  });
}
