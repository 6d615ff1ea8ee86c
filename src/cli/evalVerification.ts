import type { Command } from 'commander';
import { evaluateVerification } from '../faces/evaluation/evaluateVerification.ts';
import { parsePairs } from '../faces/evaluation/pairs.ts';
import { openReader } from '../faces/evaluation/reader.ts';
import { verificationRows } from '../faces/evaluation/verificationRows.ts';
import {
  type EvaluationOptions,
  evaluationOptions,
  imageProgress,
  imagesOf,
  present,
  textOf,
} from './evaluation.ts';
import { DEFAULT_MODEL, detectOptions, modelOption } from './options.ts';
import { withEngine } from './session.ts';

interface Options extends EvaluationOptions {
  readonly pairs: string;
  readonly model: string;
}

/** Adds the verb `eval verification`. */
export function registerEvalVerification(group: Command): void {
  const command = group
    .command('verification')
    .description('how well pairs of pictures are told apart (the protocol of LFW)')
    .requiredOption('--pairs <file>', 'pairs in the format of LFW');
  evaluationOptions(
    modelOption(command, DEFAULT_MODEL),
    'folder with the pictures, as Name/Name_0001.jpg',
  ).action(evalVerification);
}

async function evalVerification(options: Options): Promise<void> {
  const list = parsePairs(await textOf(options.pairs));
  const paths = await imagesOf(options);
  await withEngine(async (engine) => {
    const reader = await openReader(engine, options.model, detectOptions(options));
    const done = await evaluateVerification(engine, reader, list, paths, imageProgress);
    const heading = `${options.model} on ${options.pairs}`;
    await present(options, done.result, [heading, verificationRows(done.result)], async () => {
      // Loaded here and not above: the charts are large, and wanted by few.
      const { verificationReport } = await import('../faces/evaluation/verificationReport.ts');
      const { images, pairs } = options;
      return verificationReport(done, [
        ['images', images],
        ['pairs', pairs],
      ]);
    });
  });
}
