import { FacegraphError } from '../../errors.ts';
import { clockOf } from '../../gpu/clock.ts';
import type { Gpu } from '../../gpu/device.ts';
import { createImageBuffer } from '../imageBuffer.ts';
import { spread } from '../spread.ts';
import type { FormulaModel } from '../weights/formula.ts';
import { hasWeights, loadModel } from '../weights/load.ts';
import { type Manifest, manifest } from '../weights/manifest.ts';
import type { Tensors } from '../weights/tensor.ts';
import { proposalSection, refinementSections } from './detectorSections.ts';
import { embedderSection } from './embedderSection.ts';
import { measure, type SectionTimes, type Turn } from './measure.ts';
import { networkParity } from './networkParity.ts';
import type { NetworkParity, Parity } from './parity.ts';
import type { Ceilings, Profile, ProfileOptions, StepProfile } from './profile.ts';
import type { Section, Subject } from './section.ts';
import { testImage } from './testImage.ts';

const MOST_BATCH = 256;
const MOST_RUNS = 1000;
const SIDES = [32, 4096];
const IMAGE = [640, 480] as const;

/**
 * Times every step of a model's plans and compares each with the scalar reference, in memory of its
 * own. `turn` is called for each use of the device, so that others may use it in between.
 * @throws FacegraphError `ModelUnavailable` without weights; `InvalidInput` for an unknown model, a
 * number out of range, or a kernel replaced that does not compile or is not in the model.
 */
export async function profileModel(
  gpu: Gpu,
  options: ProfileOptions,
  turn: Turn = (task) => task(),
): Promise<Profile> {
  const model = manifest(options.model);
  const { batch, runs, image: size = IMAGE, judge = false, onProgress } = options;
  inRange('batch', batch, 1, MOST_BATCH);
  inRange('runs', runs, 1, MOST_RUNS);
  for (const side of size) inRange('a side of the image', side, SIDES[0], SIDES[1]);
  const formula = options.formula === true && !hasWeights(model.name);
  onProgress?.('loading', 0, 1);
  const tensors = formula ? await formulaOf(model) : await loadModel(model);
  const image = testImage(...(model.kind === 'detector' ? size : IMAGE));
  const images = createImageBuffer(gpu);
  const sections: Section[] = [];
  try {
    await turn(async () => {
      const loaded = images.load(image);
      if (model.kind === 'detector') {
        sections.push(await proposalSection(gpu, image, loaded, tensors));
        sections.push(...(await refinementSections(gpu, image, loaded, tensors, batch)));
      } else sections.push(await embedderSection(gpu, image, loaded, model, tensors, batch));
    });
    checkReplaced(gpu, sections);
    // Before anything is timed: nothing that an earlier run left can then pass for this one's work.
    const parities = await checkSections(gpu, sections, turn, onProgress);
    const opinions: (NetworkParity | null)[] = [];
    for (const section of judge ? sections : []) {
      onProgress?.('judging', opinions.length, sections.length);
      opinions.push(await turn(() => networkParity(gpu, section)));
    }
    const { sections: times, ceilings } = await measure(gpu, sections, runs, turn, (run) =>
      onProgress?.('timing', run, runs + 1),
    );
    return {
      format: 1,
      model: model.name,
      weights: formula ? 'formula' : 'genuine',
      batch,
      image: model.kind === 'detector' ? [image.width, image.height] : null,
      date: new Date().toISOString(),
      adapter: { description: gpu.adapter.description, software: gpu.adapter.software },
      clock: clockOf(gpu),
      runs,
      replaced: Object.fromEntries([...gpu.replaced].map(([name, { path }]) => [name, path])),
      ceilings,
      sections: sections.map(({ name }, s) => ({
        name,
        whole: times[s].whole,
        parity: opinions[s] ?? null,
      })),
      steps: stepProfiles(sections, times, parities, ceilings),
    };
  } finally {
    for (const section of sections) section.close();
    images.destroy();
  }
}

function inRange(what: string, value: number, min: number, max: number): void {
  if (!(Number.isInteger(value) && value >= min && value <= max))
    throw new FacegraphError('InvalidInput', `${what} ${value} is not ${min} to ${max}`);
}

async function formulaOf({ name }: Manifest): Promise<Tensors> {
  const models: readonly string[] = ['senet50-vggface2', 'resnet50-vggface2'];
  if (!models.includes(name))
    throw new FacegraphError('InvalidInput', `formula weights exist only for ${models.join(', ')}`);
  // It loads HDF5, whose code and source map are 66 MB of strings: too much for every server to keep.
  const { importFormula } = await import('../weights/formula.ts');
  return importFormula(name as FormulaModel, false);
}

function checkReplaced(gpu: Gpu, sections: readonly Section[]): void {
  const used = new Set(sections.flatMap(({ subjects }) => subjects.map(({ step }) => step.kernel)));
  for (const name of gpu.replaced.keys())
    if (!used.has(name))
      throw new FacegraphError(
        'InvalidInput',
        `the model runs no kernel ${name}, only ${[...used].sort().join(', ')}`,
      );
}

async function checkSections(
  gpu: Gpu,
  sections: readonly Section[],
  turn: Turn,
  onProgress: ProfileOptions['onProgress'],
): Promise<Map<Subject, Parity>> {
  const parities = new Map<Subject, Parity>();
  const total = sections.reduce((sum, { subjects }) => sum + subjects.length, 0);
  for (const { arenas, subjects, reset } of sections) {
    for (const arena of arenas)
      gpu.device.queue.writeBuffer(arena, 0, new Float32Array(arena.size / 4).fill(Number.NaN));
    reset();
    for (const subject of subjects) {
      onProgress?.('checking', parities.size, total);
      parities.set(subject, await turn(() => subject.check(gpu)));
    }
  }
  return parities;
}

function stepProfiles(
  sections: readonly Section[],
  times: readonly SectionTimes[],
  parities: ReadonlyMap<Subject, Parity>,
  ceilings: Ceilings,
): StepProfile[] {
  let offset = 0;
  return sections.flatMap(({ name: section, subjects }, s) => {
    const { steps, middle } = times[s];
    const from = offset;
    offset += middle.at(-1)?.end ?? 0;
    return subjects.map((subject, i): StepProfile => {
      const { name, step, inputs, output } = subject;
      const { flop, read, written } = step.cost;
      const time = spread(steps[i]);
      // A clock may be too coarse for a step that does next to nothing.
      const rate = (amount: number) => (time.median > 0 ? (amount / time.median) * 1000 : 0);
      const [flopPerSecond, bytesPerSecond] = [rate(flop), rate(read + written)];
      return {
        section,
        name,
        kernel: step.kernel,
        constants: step.constants,
        inputs,
        output,
        time,
        begin: from + middle[i].begin,
        took: middle[i].end - middle[i].begin,
        flop,
        read,
        written,
        flopPerSecond,
        bytesPerSecond,
        share: {
          flop: flopPerSecond / ceilings.flopPerSecond,
          bytes: bytesPerSecond / ceilings.bytesPerSecond,
        },
        parity: parities.get(subject)!,
      };
    });
  });
}
