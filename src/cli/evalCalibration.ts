import { type Command, Option } from 'commander';
import { calibrationRows } from '../faces/evaluation/calibrationRows.ts';
import { evaluateCalibration } from '../faces/evaluation/evaluateCalibration.ts';
import { openReader } from '../faces/evaluation/reader.ts';
import {
  type EvaluationOptions,
  evaluationOptions,
  imageProgress,
  imagesOf,
  present,
} from './evaluation.ts';
import { DEFAULT_MODEL, detectOptions, integer, modelOption, seedOption } from './options.ts';
import { withEngine } from './session.ts';

interface Options extends EvaluationOptions {
  readonly model: string;
  readonly seed: number;
  readonly divisions: number;
}

/** Adds the verb `eval calibration`. */
export function registerEvalCalibration(group: Command): void {
  const command = group
    .command('calibration')
    .description('whether a calibration on some people keeps its false match rates among others')
    .addOption(
      new Option('--divisions <n>', 'how often to divide the people')
        .argParser(integer(1, 100))
        .default(5),
    );
  seedOption(command, 'draws the first division into halves');
  evaluationOptions(
    modelOption(command, DEFAULT_MODEL),
    'folder with a folder of pictures for each person',
  ).action(evalCalibration);
}

async function evalCalibration(options: Options): Promise<void> {
  const paths = await imagesOf(options);
  await withEngine(async (engine) => {
    const { images: directory, model, seed, divisions } = options;
    const reader = await openReader(engine, model, detectOptions(options));
    const test = { directory, paths, seed, divisions };
    const result = await evaluateCalibration(engine, reader, test, imageProgress);
    const heading = `${model} on ${directory}`;
    await present(options, result, [heading, calibrationRows(result)], async () => {
      const { calibrationReport } = await import('../faces/evaluation/calibrationReport.ts');
      return calibrationReport(result, [['images', directory]]);
    });
  });
}
