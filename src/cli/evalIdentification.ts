import type { Command } from 'commander';
import { evaluateIdentification } from '../faces/evaluation/evaluateIdentification.ts';
import { identificationRows } from '../faces/evaluation/identificationRows.ts';
import { openReader } from '../faces/evaluation/reader.ts';
import {
  type EvaluationOptions,
  evaluationOptions,
  imageProgress,
  imagesOf,
  present,
} from './evaluation.ts';
import { DEFAULT_MODEL, detectOptions, modelOption, seedOption } from './options.ts';
import { withEngine } from './session.ts';

interface Options extends EvaluationOptions {
  readonly model: string;
  readonly seed: number;
}

/** Adds the verb `eval identification`. */
export function registerEvalIdentification(group: Command): void {
  const command = group
    .command('identification')
    .description('how well people are found in a gallery, and strangers are not');
  seedOption(command, 'draws who is enrolled, and with which pictures');
  evaluationOptions(
    modelOption(command, DEFAULT_MODEL),
    'folder with a folder of pictures for each person',
  ).action(evalIdentification);
}

async function evalIdentification(options: Options): Promise<void> {
  const paths = await imagesOf(options);
  await withEngine(async (engine) => {
    const reader = await openReader(engine, options.model, detectOptions(options));
    const { images: directory, seed } = options;
    const test = { directory, paths, seed };
    const done = await evaluateIdentification(engine, reader, test, imageProgress);
    const heading = `${options.model} on ${directory}`;
    await present(options, done.result, [heading, identificationRows(done.result)], async () => {
      const { identificationReport } = await import('../faces/evaluation/identificationReport.ts');
      return identificationReport(done, [['images', directory]]);
    });
  });
}
