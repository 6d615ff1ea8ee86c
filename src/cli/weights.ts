import type { Command } from 'commander';
import { importFile } from '../engine/weights/importFile.ts';
import { DEFAULT_MODELS } from '../engine/weights/manifest.ts';
import { pull } from '../engine/weights/pull.ts';
import type { ImportRecord } from '../engine/weights/record.ts';
import { list, type Verified, verify } from '../engine/weights/verify.ts';
import { report } from './failure.ts';
import { block, print } from './output.ts';
import { showProgress } from './weightsProgress.ts';

interface Json {
  readonly json?: boolean;
}

interface Trust extends Json {
  readonly trust?: boolean;
}

const TRUST = 'accept files whose sha256 is not known yet, and pin it';

/** Adds the verbs `weights pull|list|verify|import`. */
export function registerWeights(program: Command): void {
  const weights = program.command('weights').description('get, check and list model weights');
  weights
    .command('pull')
    .description(`download and convert models (default: ${DEFAULT_MODELS.join(', ')})`)
    .argument('[models...]')
    .option('--trust', TRUST)
    .option('--json', 'print one JSON document on stdout')
    .action(pullAll);
  weights
    .command('list')
    .description('models this version knows, and which are here')
    .option('--json', 'print one JSON document on stdout')
    .action(listAll);
  weights
    .command('verify')
    .description('compare models here with the sha256 of their conversion (default: all here)')
    .argument('[models...]')
    .option('--json', 'print one JSON document on stdout')
    .action(verifyAll);
  weights
    .command('import')
    .description('convert published files you already have')
    .argument('<model>')
    .argument('<path>', 'the file, or the folder of the files')
    .option('--trust', TRUST)
    .option('--json', 'print one JSON document on stdout')
    .action(importOne);
}

async function pullAll(models: string[], options: Trust): Promise<void> {
  const results: unknown[] = [];
  for (const model of models.length > 0 ? models : DEFAULT_MODELS)
    try {
      const record = await pull(model, { onProgress: showProgress, trust: options.trust });
      results.push(record);
      if (!options.json) print(describe(record));
    } catch (error) {
      results.push({ model, error: (error as Error).message });
      report(error, model);
    }
  if (options.json) print(JSON.stringify(results));
}

async function importOne(model: string, path: string, options: Trust): Promise<void> {
  const record = await importFile(model, path, {
    onProgress: showProgress,
    trust: options.trust,
  });
  print(options.json ? JSON.stringify(record) : describe(record));
}

async function verifyAll(models: string[], options: Json): Promise<void> {
  const results: Verified[] = [];
  for (const name of models.length > 0 ? models : list().map(({ model }) => model))
    results.push(await verify(name));
  const shown = models.length > 0 ? results : results.filter(({ state }) => state !== 'absent');
  print(
    options.json
      ? JSON.stringify(shown.map(({ model, state }) => ({ model, state })))
      : block(
          'weights',
          shown.map(({ model, state }) => [model, state]),
        ),
  );
  if (shown.some(({ state }) => state !== 'sound')) process.exitCode = 1;
}

function listAll(options: Json): void {
  const models = list();
  const rows = models.map(({ model, kind, bytes, licence, description }) => [
    model,
    kind,
    bytes === undefined ? 'not here' : megabytes(bytes),
    licence,
    description,
  ]);
  print(options.json ? JSON.stringify(models) : block('models', rows));
}

function describe({ model, source, bytes, classifier }: ImportRecord): string {
  return `${model}  ${megabytes(bytes)} from ${source}${classifier ? ', with classifier' : ''}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
