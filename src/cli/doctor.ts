import type { Command } from 'commander';
import { type Diagnosis, diagnose } from './diagnosis.ts';
import { block, print } from './output.ts';

/** Adds the verb `doctor`. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what this machine offers, what is missing and what to do about it')
    .option('--json', 'print one JSON document on stdout')
    .action(async (options: { json?: boolean }) => {
      const diagnosis = await diagnose();
      print(options.json ? JSON.stringify(diagnosis) : describe(diagnosis));
      if (diagnosis.problems.some(({ essential }) => essential)) process.exitCode = 1;
    });
}

function describe({ node, platform, adapter, cache, models, database, problems }: Diagnosis) {
  const { kind, state, reason, applied, pending } = database;
  return [
    block('machine', [
      ['node', node],
      ['platform', platform],
    ]),
    block('adapter', adapter ? adapterRows(adapter) : [['none']]),
    block(
      `models in ${cache}`,
      models.map(({ model, present, licence }) => [model, present ? 'here' : 'not here', licence]),
    ),
    block('database', [
      [kind, reason ? `${state}: ${reason}` : state],
      ...(applied && pending
        ? [['migrations', `${applied.length} applied, ${pending.length} pending`]]
        : []),
    ]),
    ...problems.map(
      ({ essential, problem, remedy }) =>
        `${essential ? 'missing' : 'note'}: ${problem}\n  do: ${remedy}`,
    ),
    problems.length === 0 ? 'all is well' : '',
  ]
    .filter(Boolean)
    .join('\n\n');
}

function adapterRows(adapter: NonNullable<Diagnosis['adapter']>): string[][] {
  const { vendor, architecture, description, software, features, subgroupSize, limits } = adapter;
  const used = ['subgroups', 'timestamp-query', 'shader-f16'];
  return [
    ['driver', description],
    ['vendor', [vendor, architecture].filter(Boolean).join(' ')],
    ['kind', software ? 'software (no GPU)' : 'GPU'],
    ['subgroup size', subgroupSize.join(' to ')],
    ...used.map((name) => [name, features.includes(name) ? 'yes' : 'no']),
    ...Object.entries(limits).map(([name, value]) => [name, value.toLocaleString('en')]),
  ];
}
