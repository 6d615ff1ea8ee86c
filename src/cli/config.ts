import type { Command } from 'commander';
import { listConfig } from '../config.ts';
import { say } from './failure.ts';
import { block, print } from './output.ts';

/** Adds the verb `config`. */
export function registerConfig(program: Command): void {
  program
    .command('config')
    .description('every environment variable with its value, default and meaning')
    .option('--json', 'print one JSON document on stdout')
    .action((options: { json?: boolean }) => {
      const settings = listConfig();
      if (options.json) print(JSON.stringify(settings));
      else
        for (const { name, value, default: fallback, meaning } of settings) {
          const origin = value === fallback ? '' : ` (default: ${fallback ?? 'none'})`;
          print(block(`${name} = ${value ?? '(none)'}${origin}`, [[meaning]]));
        }
      for (const { problem } of settings) {
        if (!problem) continue;
        say(problem);
        process.exitCode = 1;
      }
    });
}
