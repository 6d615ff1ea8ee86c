import { help, probe } from '../../scripts/setup/adapter.mjs';
import { dependencyStaleness } from '../../scripts/setup/dependencies.mjs';
import { isGenerated } from '../../scripts/setup/generate.mjs';
import { listConfig } from '../config.ts';
import type { AdapterSummary } from '../engine/engine.ts';
import { cacheDir } from '../engine/weights/cache.ts';
import { pullCommand } from '../engine/weights/load.ts';
import { DEFAULT_MODELS } from '../engine/weights/manifest.ts';
import { type Listed, list } from '../engine/weights/verify.ts';
import { type DatabaseState, databaseState } from '../faces/database/databaseState.ts';

/** Something that is missing or could be better. */
export interface Problem {
  /** False when everything works all the same. */
  readonly essential: boolean;
  readonly problem: string;
  /** What to do about it: a command, or a sentence. */
  readonly remedy: string;
}

/** The state of everything facegraph needs of its machine. */
export interface Diagnosis {
  readonly node: string;
  readonly platform: string;
  readonly adapter: AdapterSummary | null;
  /** Where weights are kept. */
  readonly cache: string;
  readonly models: readonly Listed[];
  readonly database: DatabaseState;
  readonly problems: readonly Problem[];
}

const START = 'npm start';

/** Looks at everything and changes nothing. */
export async function diagnose(): Promise<Diagnosis> {
  const [{ adapter, reason }, stale, generated, database] = await Promise.all([
    probe({}),
    dependencyStaleness({ dev: false }),
    isGenerated(),
    databaseState(process.env.FACEGRAPH_DATA ?? '.data', process.env.DATABASE_URL),
  ]);
  const models = list();
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    adapter: adapter ?? null,
    cache: cacheDir(),
    models,
    database,
    problems: [
      ...(stale ? [essential(`the installed packages are stale: ${stale}`, START)] : []),
      ...(generated ? [] : [essential('the database client is not generated', START)]),
      ...listConfig().flatMap(({ problem }) =>
        problem ? essential(problem, 'Correct the environment; `facegraph config` lists it.') : [],
      ),
      ...adapterProblems(adapter, reason),
      ...modelProblems(models),
      ...databaseProblems(database),
    ],
  };
}

function adapterProblems(adapter?: AdapterSummary, reason?: string): Problem[] {
  if (!adapter) return [essential(`no usable WebGPU adapter: ${reason}`, help())];
  if (adapter.architecture !== 'swiftshader') return [];
  const problem = 'SwiftShader does the work, about ten times slower than Mesa in software';
  return [{ essential: false, problem, remedy: help() }];
}

function modelProblems(models: readonly Listed[]): Problem[] {
  return models
    .filter(({ model, present }) => !present && DEFAULT_MODELS.some((name) => name === model))
    .map(({ model }) => essential(`the weights of ${model} are not here`, pullCommand(model)));
}

function databaseProblems({ state, reason, pending }: DatabaseState): Problem[] {
  if (state === 'unreachable')
    return [essential(`the database cannot be reached: ${reason}`, 'Check DATABASE_URL.')];
  if (!pending?.length) return [];
  const problem = `migrations not applied yet: ${pending.join(', ')}`;
  return [{ essential: false, problem, remedy: `${START} applies them` }];
}

function essential(problem: string, remedy: string): Problem {
  return { essential: true, problem, remedy };
}
