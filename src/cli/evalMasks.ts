import type { Command } from 'commander';
import { evaluateMasks } from '../faces/evaluation/evaluateMasks.ts';
import { maskRows } from '../faces/evaluation/maskRows.ts';
import { openReader } from '../faces/evaluation/reader.ts';
import {
  type EvaluationOptions,
  evaluationOptions,
  imageProgress,
  imagesOf,
  present,
} from './evaluation.ts';
import { type MaskOptions, maskOptions, maskWish } from './maskOptions.ts';
import { DEFAULT_MODEL, detectOptions, modelOption } from './options.ts';
import { withEngine } from './session.ts';

interface Options extends EvaluationOptions, MaskOptions {
  readonly model: string;
}

/** Adds the verb `eval masks`. */
export function registerEvalMasks(group: Command): void {
  const command = group
    .command('masks')
    .description('what drawn masks cost: masked probes against unmasked and masked enrolment');
  evaluationOptions(
    maskOptions(modelOption(command, DEFAULT_MODEL), 'random'),
    'folder with a folder of photographs for each person',
  ).action(evalMasks);
}

async function evalMasks(options: Options): Promise<void> {
  const { images, model, seed } = options;
  const paths = await imagesOf(options);
  await withEngine(async (engine) => {
    const reader = await openReader(engine, model, detectOptions(options));
    const choice = { wish: maskWish(options), seed };
    const done = await evaluateMasks(engine, reader, images, paths, choice, imageProgress);
    const heading = `${model} on ${images}, threshold at FMR ${done.result.figures.fmr} unmasked`;
    await present(options, done.result, [heading, maskRows(done.result)], async () => {
      // Loaded here and not above: the charts are large, and wanted by few.
      const { maskReport } = await import('../faces/evaluation/maskReport.ts');
      return maskReport(done, [['images', images]]);
    });
  });
}
