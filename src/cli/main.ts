import { Command, CommanderError } from 'commander';
import { registerCalibrate } from './calibrate.ts';
import { registerClassify } from './classify.ts';
import { registerConfig } from './config.ts';
import { registerDetect } from './detect.ts';
import { registerDoctor } from './doctor.ts';
import { registerEmbed } from './embed.ts';
import { registerEval } from './eval.ts';
import { report } from './failure.ts';
import { registerGallery } from './gallery.ts';
import { registerIdentify } from './identify.ts';
import { registerMask } from './mask.ts';
import { registerProfile } from './profile.ts';
import { registerServe } from './serve.ts';
import { registerVerify } from './verify.ts';
import { registerWeights } from './weights.ts';

const NOTES = `
Results go to stdout, everything else to stderr. Exit code: 0 all done; 1 something failed, be it
one file of a batch (the others are in the results); 2 wrong usage.`;

const program = new Command('facegraph')
  .description('find, compare and identify faces in photographs')
  .exitOverride()
  .configureOutput({
    outputError: (text, write) => write(`${text.trim().replace(/\s*\n\s*/g, ' ')}\n`),
  })
  .addHelpText('after', NOTES);

for (const register of [
  registerDetect,
  registerEmbed,
  registerVerify,
  registerIdentify,
  registerClassify,
  registerMask,
  registerEval,
  registerGallery,
  registerCalibrate,
  registerDoctor,
  registerConfig,
  registerWeights,
  registerProfile,
  registerServe,
])
  register(program);

// `facegraph … | head` closes the pipe early; that is the reader's right and no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.on('uncaughtException', (error) => {
  report(error);
  process.exit(1);
});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) report(error);
  else if (error.exitCode !== 0) process.exitCode = 2;
}
