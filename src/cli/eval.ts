import type { Command } from 'commander';
import { registerEvalCalibration } from './evalCalibration.ts';
import { registerEvalDetection } from './evalDetection.ts';
import { registerEvalIdentification } from './evalIdentification.ts';
import { registerEvalMasks } from './evalMasks.ts';
import { registerEvalQuality } from './evalQuality.ts';
import { registerEvalSeed } from './evalSeed.ts';
import { registerEvalVerification } from './evalVerification.ts';

/** Adds the verbs `eval …`. */
export function registerEval(program: Command): void {
  const group = program
    .command('eval')
    .description('error rates on pictures of your own, with intervals and reports');
  for (const register of [
    registerEvalVerification,
    registerEvalIdentification,
    registerEvalDetection,
    registerEvalQuality,
    registerEvalCalibration,
    registerEvalMasks,
    registerEvalSeed,
  ])
    register(group);
}
