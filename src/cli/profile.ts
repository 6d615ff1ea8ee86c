import { readFile, writeFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { compareProfiles, parseProfile } from '../engine/profile/compare.ts';
import type { Profile } from '../engine/profile/profile.ts';
import { trace } from '../engine/profile/trace.ts';
import { FacegraphError } from '../errors.ts';
import type { Replacements } from '../gpu/device.ts';
import { kernelNames } from '../kernels/names.ts';
import { say } from './failure.ts';
import { DEFAULT_MODEL, integer, modelOption } from './options.ts';
import { counted, print } from './output.ts';
import { comparisonText, profileText } from './profileText.ts';
import { clearProgress, progress } from './progress.ts';
import { withEngine } from './session.ts';

interface Options {
  readonly model: string;
  readonly batch: number;
  readonly runs: number;
  readonly size?: [number, number];
  readonly kernel: Record<string, string>;
  readonly formula?: boolean;
  readonly compare?: string[];
  readonly json?: boolean;
  readonly trace?: string;
  readonly html?: string;
}

/** Adds the verb `profile`. */
export function registerProfile(program: Command): void {
  const command = program
    .command('profile')
    .description('time and error of every step of a model on the GPU, or what changed between two');
  modelOption(command, DEFAULT_MODEL)
    .addOption(
      new Option('--batch <n>', 'faces at once; with mtcnn those of R- and O-Net')
        .argParser(integer(1, 256))
        .default(1),
    )
    .addOption(
      new Option('--runs <n>', 'times that everything is run')
        .argParser(integer(1, 1000))
        .default(10),
    )
    .addOption(
      new Option('--size <WxH>', 'image that mtcnn looks at (default 640x480)').argParser(size),
    )
    .addOption(
      new Option('--kernel <name=file>', 'run this WGSL in place of a kernel (repeatable)')
        .argParser(kernel)
        .default({}, 'none'),
    )
    .option('--formula', 'made-up weights where a VGGFace2 model’s own are not here')
    .option('--trace <file>', 'write the middle run for Perfetto or chrome://tracing')
    .option('--html <file>', 'write a page with flame chart and roofline plot')
    .option(
      '--compare <profiles...>',
      'files of --json, half before, half after: what became worse',
    )
    .option('--json', 'print one JSON document on stdout')
    .action((options: Options) => (options.compare ? compare(options) : profile(options)));
}

async function profile(options: Options): Promise<void> {
  const { model, batch, runs, size: image, formula } = options;
  const replaced = await readKernels(options.kernel);
  await withEngine(async (engine) => {
    const made = await engine
      .profile({
        ...{ model, batch, runs, formula, image },
        judge: true,
        onProgress: (what, done, total) => progress(what, done, total, model),
      })
      .finally(clearProgress);
    if (options.trace) await writeFile(options.trace, JSON.stringify(trace(made)));
    if (options.html) {
      // Loaded here: the chart library takes longer than the rest of the program.
      const { profilePage } = await import('./profilePage.ts');
      await writeFile(options.html, profilePage(made));
    }
    print(options.json ? JSON.stringify(made) : profileText(made));
    reportParity(made);
  }, replaced);
}

function reportParity({ steps, sections }: Profile): void {
  const wrong = steps.filter(({ parity }) => parity.outside > 0);
  const off = sections.filter(({ parity }) => parity && parity.outside > 0);
  if (wrong.length + off.length === 0) return;
  const [first] = wrong;
  say(
    first
      ? `${counted(wrong.length, 'step')} differ from the reference, first ${first.section} ${first.name} (${first.kernel}): ${first.parity.outside} of ${first.parity.n} values`
      : `${off.map(({ name }) => name).join(', ')}: outputs differ from those of ${off[0].parity?.against}`,
  );
  process.exitCode = 1;
}

async function compare({ compare: paths = [], json }: Options): Promise<void> {
  if (paths.length < 2 || paths.length % 2 === 1)
    throw new FacegraphError(
      'InvalidInput',
      '--compare takes two files, before and after, or as many of each: first those before',
    );
  const profiles = await Promise.all(
    paths.map(async (path) => parseProfile(await readText(path), path)),
  );
  const half = paths.length / 2;
  const comparison = compareProfiles(profiles.slice(0, half), profiles.slice(half));
  print(json ? JSON.stringify(comparison) : comparisonText(comparison));
  if (comparison.slower.length + comparison.lessExact.length > 0) process.exitCode = 1;
}

async function readKernels(files: Record<string, string>): Promise<Replacements> {
  const entries = Object.entries(files).map(
    async ([name, path]) => [name, { path, source: await readText(path) }] as const,
  );
  return new Map(await Promise.all(entries));
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new FacegraphError('InvalidInput', `${path} cannot be read (${code})`);
  }
}

function size(text: string): [number, number] {
  const found = /^(\d+)[x×](\d+)$/.exec(text);
  if (!found) throw new InvalidArgumentError('It must be width and height, as 640x480.');
  const side = integer(32, 4096);
  return [side(found[1]), side(found[2])];
}

function kernel(text: string, others: Record<string, string>): Record<string, string> {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  const names = kernelNames();
  if (!names.includes(name))
    throw new InvalidArgumentError(`It must be KERNEL=FILE with one of ${names.join(', ')}.`);
  return { ...others, [name]: path };
}
