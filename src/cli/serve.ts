import type { Command } from 'commander';

/** Adds the verb `serve`. */
export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('start the GraphQL server')
    .action(async () => {
      // Importing it starts it.
      await import('../main.ts');
    });
}
