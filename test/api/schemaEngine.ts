import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';

type SchemaEngineClass = typeof SchemaEngine;

const ROOT = resolve(import.meta.dirname, '../..');

/** The folder of the program's migrations. */
export const MIGRATIONS = join(ROOT, 'prisma/migrations');

/** What `prisma migrate` says about a database. */
export interface Prisma {
  /** SQL that would turn the database into what prisma/schema.prisma says. */
  difference(): Promise<string>;
  /** `prisma migrate status`. */
  history(): ReturnType<SchemaEngine['diagnoseMigrationHistory']>;
  /** `prisma migrate deploy`: the migrations applied now. */
  deploy(): Promise<string[]>;
}

/** Prisma's own migration engine on a database. */
export async function prismaMigrate(
  factory: SqlMigrationAwareDriverAdapterFactory,
): Promise<Prisma> {
  const content = readFileSync(join(ROOT, 'prisma/schema.prisma'), 'utf8');
  const files = [{ path: 'schema.prisma', content }];
  const filters = { externalTables: [], externalEnums: [] };
  const engine = await load(content, factory);
  const migrationsList = await migrations();
  return {
    async difference() {
      const { stdout } = await engine.diff({
        from: { tag: 'schemaDatasource', files, configDir: ROOT },
        to: { tag: 'schemaDatamodel', files },
        script: true,
        exitCode: null,
        filters,
      });
      return stdout ?? '';
    },
    history: () =>
      engine.diagnoseMigrationHistory({ migrationsList, optInToShadowDatabase: false, filters }),
    deploy: async () =>
      (await engine.applyMigrations({ migrationsList, filters })).appliedMigrationNames,
  };
}

let glued: Promise<{ SchemaEngine: SchemaEngineClass }> | undefined;

async function load(
  schema: string,
  factory: SqlMigrationAwareDriverAdapterFactory,
): Promise<SchemaEngine> {
  glued ??= glue();
  return (await glued).SchemaEngine.new(
    { datamodels: [['schema.prisma', schema]] },
    () => undefined,
    bindMigrationAwareSqlAdapterFactory(factory),
  );
}

// Node 20 cannot import WASM as a module, so its halves are put together here, once: the JavaScript
// half is for one instance only.
async function glue(): Promise<{ SchemaEngine: SchemaEngineClass }> {
  const main = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm');
  const path = (name: string) => join(dirname(main), name);
  const half = await import(pathToFileURL(path('schema_engine_bg.js')).href);
  const module = new WebAssembly.Module(readFileSync(path('schema_engine_bg.wasm')));
  const { exports } = new WebAssembly.Instance(module, { './schema_engine_bg.js': half });
  half.__wbg_set_wasm(exports);
  (exports.__wbindgen_start as () => void)();
  return half;
}

async function migrations() {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const read = (path: string) => readFile(join(MIGRATIONS, path), 'utf8');
  return {
    baseDir: MIGRATIONS,
    lockfile: { path: 'migration_lock.toml', content: await read('migration_lock.toml') },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.sort().map(async (path) => ({
        path,
        migrationFile: {
          path: 'migration.sql',
          content: { tag: 'ok' as const, value: await read(join(path, 'migration.sql')) },
        },
      })),
    ),
  };
}
