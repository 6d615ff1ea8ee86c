import { type FileHandle, open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { FacegraphError } from '../errors.ts';
import type { Service } from '../faces/gallery/galleries.ts';
import { print } from './output.ts';
import { withEngine } from './session.ts';

interface Import {
  readonly name?: string;
  readonly newIds?: boolean;
}

/** Adds the verbs `gallery export|import`. */
export function registerGallery(program: Command): void {
  const gallery = program
    .command('gallery')
    .description('galleries of the server’s database as files, while no server holds it');
  gallery
    .command('export')
    .description('write a gallery into a bundle')
    .argument('<name>')
    .requiredOption('--out <file>', 'must not exist')
    .action(exportGallery);
  gallery
    .command('import')
    .description('make a gallery out of a bundle')
    .argument('<file>')
    .option('--name <name>', 'instead of the one it had')
    .option('--new-ids', 'give it and everybody in it new ids')
    .action(importGallery);
}

async function exportGallery(name: string, { out }: { out: string }): Promise<void> {
  await withDatabase(async (db) => {
    const { exportBundle } = await import('../faces/bundle/exportBundle.ts');
    const { stream } = await exportBundle({ db, galleries: null }, { name });
    const file = await opened(out, 'wx').catch((error) => {
      stream.destroy();
      throw error;
    });
    await pipeline(stream, file.createWriteStream()).catch(async (error) => {
      await rm(out, { force: true });
      throw error;
    });
  });
}

async function importGallery(path: string, { name, newIds }: Import): Promise<void> {
  const file = await opened(path, 'r');
  await withDatabase((db) =>
    withEngine(async (engine) => {
      const { createIndexes } = await import('../faces/gallery/indexes.ts');
      const { importBundle } = await import('../faces/bundle/importBundle.ts');
      const indexes = createIndexes(db, engine);
      const service: Service = { db, engine, indexes, galleries: null };
      const source = file.createReadStream();
      const { gallery, ...counts } = await importBundle(service, source, { name, newIds });
      indexes.destroy();
      print(`${gallery.name}: ${counts.identities} identities, ${counts.faces} faces`);
    }),
  ).finally(() => file.close());
}

// Biometric data: what is written is for its owner alone.
function opened(path: string, flags: 'r' | 'wx'): Promise<FileHandle> {
  return open(path, flags, 0o600).catch(({ code }) => {
    const what = flags === 'r' ? 'read' : 'made';
    throw new FacegraphError('InvalidInput', `${path} cannot be ${what} (${code})`);
  });
}

async function withDatabase(work: (db: Service['db']) => Promise<void>): Promise<void> {
  const { openDatabase } = await import('../faces/database/database.ts');
  const directory = process.env.FACEGRAPH_DATA ?? '.data';
  const database = await openDatabase(directory, process.env.DATABASE_URL);
  await work(database.client).finally(() => database.close());
}
