import { type Command, Option } from 'commander';
import type { Calibration } from '../generated/prisma/client.ts';
import { integer } from './options.ts';
import { block, print } from './output.ts';
import { clearProgress, progress } from './progress.ts';
import { withDatabase } from './session.ts';

interface Options {
  readonly seed: number;
  readonly json?: boolean;
}

/** Adds the verb `calibrate`. */
export function registerCalibrate(program: Command): void {
  program
    .command('calibrate')
    .description(
      'find out what distances in a gallery of the server’s database mean, while no server holds it',
    )
    .argument('<gallery>', 'its name')
    .addOption(
      new Option('--seed <n>', 'chooses the faces of a large gallery')
        .argParser(integer(0, 2 ** 31 - 1))
        .default(1),
    )
    .option('--json', 'print one JSON document on stdout')
    .action(calibrate);
}

async function calibrate(name: string, { seed, json }: Options): Promise<void> {
  await withDatabase(async (db) => {
    const { measureGallery, storeCalibration } = await import('../faces/calibration/gallery.ts');
    const { findGallery } = await import('../faces/gallery/store.ts');
    const gallery = await findGallery({ db, galleries: null }, { name });
    const made = await measureGallery(db, gallery, seed, (done, total) =>
      progress('face', done - 1, total, ''),
    ).finally(clearProgress);
    const stored = await db.$transaction((tx) => storeCalibration(tx, gallery.id, made));
    const { pointsOf } = await import('../faces/calibration/inForce.ts');
    if (json) print(JSON.stringify(stored));
    else print(text(name, stored, pointsOf(stored)));
  });
}

function text(
  name: string,
  made: Calibration,
  points: readonly { promised: number; threshold: number; fnmr: number }[],
): string {
  const { model, identities, faces, genuinePairs, impostorPairs } = made;
  const heading = `${name}, ${model}: ${faces} faces of ${identities} people, ${genuinePairs} genuine and ${impostorPairs} impostor pairs`;
  return block(heading, [
    ['FMR', 'threshold', 'FNMR'],
    ...points.map(({ promised, threshold, fnmr }) => [
      String(promised),
      threshold.toFixed(4),
      fnmr.toFixed(4),
    ]),
    [
      'equal',
      made.equalErrorThreshold.toFixed(4),
      `${made.equalErrorRate.toFixed(4)} (both rates)`,
    ],
  ]);
}
