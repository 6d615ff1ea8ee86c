import { SetupError } from './run.mjs';

/** @typedef {(line: string) => void} Say writes an indented line below the step that is going on */

/**
 * Runs one step of the preparation and prints `name  what was done  seconds`.
 * @param {string} name
 * @param {(say: Say) => Promise<string>} work answers what was done, in a few words
 */
export async function step(name, work) {
  const begin = performance.now();
  const done = await work((line) => console.log(`  ${name}: ${line}`));
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${name.padEnd(16)} ${done}  (${seconds} s)`);
}

/**
 * Runs the program; a failure that is meant for people ends it with its message alone.
 * @param {() => Promise<number>} work answers the exit code
 */
export async function main(work) {
  try {
    process.exitCode = await work();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  }
}
