import type { Command } from 'commander';
import { evaluateSeed } from '../faces/evaluation/evaluateSeed.ts';
import { openReader } from '../faces/evaluation/reader.ts';
import { seedReport } from '../faces/evaluation/seedReport.ts';
import { seedRows } from '../faces/evaluation/seedRows.ts';
import { type EvaluationOptions, imageProgress, imagesOf, present } from './evaluation.ts';
import {
  DEFAULT_MODEL,
  detectionOptions,
  detectOptions,
  jsonOption,
  modelOption,
} from './options.ts';
import { withEngine } from './session.ts';

interface Options extends Omit<EvaluationOptions, 'images'> {
  readonly model: string;
}

/** Adds the verb `eval seed`. */
export function registerEvalSeed(group: Command): void {
  const command = group
    .command('seed')
    .description('the experiments of the article on masked faces that this project began with')
    .argument('<dir>', 'folder with the article’s database/ and image/')
    .option('--html <file>', 'write a report, whole in one file');
  detectionOptions(jsonOption(modelOption(command, DEFAULT_MODEL))).action(evalSeed);
}

async function evalSeed(images: string, options: Options): Promise<void> {
  const given = { ...options, images };
  const paths = await imagesOf(given);
  await withEngine(async (engine) => {
    const reader = await openReader(engine, options.model, detectOptions(options));
    const done = await evaluateSeed(engine, reader, images, paths, imageProgress);
    const heading = `${options.model} on ${images}`;
    await present(given, done.result, [heading, seedRows(done.result)], () =>
      seedReport(done, [['images', images]]),
    );
  });
}
