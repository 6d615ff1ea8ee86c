import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasWeights } from '../src/engine/weights/load.ts';
import { openDatabase } from '../src/faces/database/database.ts';
import { createIndexes } from '../src/faces/gallery/indexes.ts';
import { contentOf, galleryOf, partsOf } from './api/bundles.ts';
import { fakeEngine } from './api/fakeEngine.ts';
import { temporaryDirectory } from './api/harness.ts';
import { randomUnit } from './support/unit.ts';

const PROGRAM = resolve(import.meta.dirname, '../scripts/facegraph.mjs');
const WEIGHTS = hasWeights('facenet-vggface2');

describe('facegraph gallery', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let id: string;
  const path = (name: string) => join(directory.path, name);
  const run = (data: string, ...args: string[]) => call(data, 'gallery', ...args);
  const call = async (data: string, ...args: string[]) => {
    const env = { ...process.env, FACEGRAPH_DATA: path(data) };
    const ran = promisify(execFile)(process.execPath, [PROGRAM, ...args], { env });
    return ran.then(
      ({ stdout }) => ({ code: 0, stdout, stderr: '' }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    );
  };

  beforeAll(async () => {
    directory = await temporaryDirectory();
    const database = await openDatabase(path('here'));
    const { client: db } = database;
    const engine = fakeEngine();
    const service = { db, engine, indexes: createIndexes(db, engine), galleries: null };
    id = await galleryOf(service, { name: 'staff' }, [
      { name: 'Ada', externalId: 'a', faces: [randomUnit(1, 512), randomUnit(2, 512)] },
    ]);
    await galleryOf(
      service,
      { name: 'crew' },
      Array.from({ length: 9 }, (_, i) => ({
        name: `person ${i}`,
        externalId: null,
        faces: [randomUnit(10 + 2 * i, 512), randomUnit(11 + 2 * i, 512)],
      })),
    );
    await database.close();
  });

  afterAll(() => directory.remove());

  it('is calibrated, and what came out is stored', async () => {
    // 18 faces of 9 people: 9 genuine pairs, 144 of impostors, which support a tenth and no hundredth.
    const { code, stdout } = await call('here', 'calibrate', 'crew');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe(
      'crew, facenet-vggface2: 18 faces of 9 people, 9 genuine and 144 impostor pairs',
    );
    expect(lines.slice(1).map((line: string) => line.trim().split(/\s+/)[0])).toEqual([
      'FMR',
      '0.1',
      'equal',
    ]);
    const { stdout: json } = await call('here', 'calibrate', 'crew', '--json');
    expect(JSON.parse(json)).toMatchObject({ impostorPairs: 144, seed: 1, voidedAt: null });
    const database = await openDatabase(path('here'));
    const rows = await database.client.calibration.findMany({ orderBy: { id: 'asc' } });
    await database.close();
    expect(rows.map(({ voidedAt }) => voidedAt === null)).toEqual([false, true]);
    expect(await call('here', 'calibrate', 'staff')).toMatchObject({
      code: 1,
      stderr: 'facegraph: TooFewFaces: 1 genuine and 0 impostor pairs: it takes one and 30\n',
    });
  });

  it('exports into a file of its owner alone, and never over another', async () => {
    const out = path('staff.tar');
    expect(await run('here', 'export', 'staff', '--out', out)).toMatchObject({ code: 0 });
    expect(partsOf(readFileSync(out))).toHaveLength(5);
    expect(statSync(out).mode & 0o077).toBe(0);
    const again = await run('here', 'export', 'staff', '--out', out);
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toMatch(/^facegraph: InvalidInput: .*EEXIST\)\n$/);
    const missing = await run('here', 'export', 'nobody', '--out', path('x.tar'));
    expect(missing.stderr).toBe('facegraph: GalleryNotFound: no gallery nobody\n');
  });

  it.skipIf(!WEIGHTS)('imports it elsewhere under another name', async () => {
    const file = path('staff.tar');
    expect(await run('there', 'import', file, '--name', 'copy')).toMatchObject({
      code: 0,
      stdout: 'copy: 1 identities, 2 faces, 0 photographs\n',
    });
    const taken = await run('there', 'import', file);
    expect(taken).toMatchObject({ code: 1, stdout: '' });
    expect(taken.stderr).toMatch(/IdTaken: there is a gallery .* already: import with new ids\n$/);
    const database = await openDatabase(path('there'));
    const { gallery, identities, faces } = await contentOf(database, id);
    await database.close();
    expect(gallery?.name).toBe('copy');
    expect(identities.map(({ name }) => name)).toEqual(['Ada']);
    expect(faces).toHaveLength(2);
    expect((await run('there', 'import', path('absent'))).stderr).toMatch(
      /cannot be read \(ENOENT\)/,
    );
  });
});
