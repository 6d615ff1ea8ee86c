import { type FileHandle, open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { FacegraphError } from '../errors.ts';
import type { Service } from '../faces/gallery/galleries.ts';
import { print } from './output.ts';
import { withDatabase, withEngine } from './session.ts';

interface Export {
  readonly out: string;
  readonly images?: boolean;
}

interface Import {
  readonly name?: string;
  readonly newIds?: boolean;
  readonly model?: string;
}

/** What the audit has in the place of a key. */
const KEY = 'command line';

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
    .option('--images', 'with the photographs that the gallery stores')
    .action(exportGallery);
  gallery
    .command('import')
    .description('make a gallery out of a bundle')
    .argument('<file>')
    .option('--name <name>', 'instead of the one it had')
    .option('--new-ids', 'give it and everybody in it new ids')
    .option('--model <name>', 'the next server to start embeds its photographs by this model')
    .action(importGallery);
}

async function exportGallery(name: string, { out, images }: Export): Promise<void> {
  await withDatabase(async (db) => {
    const { exportBundle } = await import('../faces/bundle/exportBundle.ts');
    const { stream } = await exportBundle(
      { db, galleries: null },
      { name },
      { keyId: KEY, images },
    );
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

async function importGallery(path: string, options: Import): Promise<void> {
  const file = await opened(path, 'r');
  await withDatabase((db) =>
    withEngine(async (engine) => {
      const { createIndexes } = await import('../faces/gallery/indexes.ts');
      const { importBundle } = await import('../faces/bundle/importBundle.ts');
      const indexes = createIndexes(db, engine);
      const service: Service = { db, engine, indexes, galleries: null };
      const source = file.createReadStream();
      const { gallery, ...counts } = await importBundle(service, source, {
        ...options,
        keyId: KEY,
      });
      indexes.destroy();
      const { identities, faces, images } = counts;
      print(`${gallery.name}: ${identities} identities, ${faces} faces, ${images} photographs`);
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
