import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { FacegraphError } from '../../errors.ts';
import { NETWORK_NAMES } from './layersOf.ts';

const ImporterName = z.enum([
  'mtcnn-tfjs',
  'facenet-graphdef',
  'keras-vggface',
  'keras-applications-tfjs',
]);

const Triple = z.tuple([z.number(), z.number(), z.number()]);

const SourceFile = z.strictObject({
  name: z.string(),
  bytes: z.number().int().positive().optional(),
  /** Absent until somebody has seen the genuine file; it is then pinned at the first import. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

const Source = z.discriminatedUnion('kind', [
  /** `directory` inside the tarball, without npm's leading `package/`. */
  z.strictObject({ kind: z.literal('npm'), package: z.string(), directory: z.string() }),
  /** `base` is joined with a file's name. */
  z.strictObject({ kind: z.literal('https'), base: z.url({ protocol: /^https$/ }) }),
]);

const Artifact = z.strictObject({
  importer: ImporterName,
  classifier: z.boolean(),
  /** In the order the importer takes them. */
  files: z.array(SourceFile).min(1),
  sources: z.array(Source).min(1),
});

const Card = z.strictObject({
  description: z.string(),
  trainedOn: z.string(),
  intendedUse: z.string(),
  limits: z.array(z.string()).min(1),
  accuracy: z.array(z.strictObject({ what: z.string(), figure: z.string(), source: z.url() })),
});

const Fields = z.strictObject({
  name: z.string(),
  /** Raised when input or crop change, with a migration that renames what is stored (revision.ts). */
  revision: z.int().min(1).default(1),
  kind: z.enum(['detector', 'embedder', 'classifier']),
  network: z.enum(NETWORK_NAMES),
  /** Preprocessing: x' = (x − mean) · scale, channels and means in `order`. 0 × 0: any size. */
  input: z.strictObject({
    height: z.number().int(),
    width: z.number().int(),
    order: z.enum(['RGB', 'BGR']),
    mean: Triple,
    scale: z.number(),
  }),
  /** How a face's box becomes the crop; `margin` of its longer side is added on each side. */
  crop: z.strictObject({
    margin: z.number(),
    square: z.boolean(),
    align: z.boolean(),
  }),
  /** Cosine distance at or under which two faces match. */
  threshold: z.number().optional(),
  /** Cosine distances at false match rates measured on a public data set, by ascending rate. */
  operatingPoints: z
    .array(
      z.strictObject({
        fmr: z.number().positive(),
        threshold: z.number(),
        /** Impostor pairs that say so. */
        pairs: z.number().int().positive(),
      }),
    )
    .optional(),
  /** Length of an embedding. */
  dimensions: z.number().int().optional(),
  /** Outputs of the classifier, and the file in `weights/` with their names. */
  classes: z.number().int().optional(),
  labels: z.strictObject({ file: z.string(), attribution: z.string() }).optional(),
  /** The first one is pulled; any may be imported. */
  artifacts: z.array(Artifact).min(1),
  licence: z.strictObject({ name: z.string(), url: z.url(), attribution: z.string() }),
  card: Card,
});

/** The false match rate that a model's own threshold stands for, where it has been measured. */
export const CARD_FMR = 1e-3;

const ManifestSchema = Fields.superRefine(({ threshold, operatingPoints: points }, context) => {
  if (!points) return;
  const wrong = (message: string) =>
    context.addIssue({ code: 'custom', path: ['operatingPoints'], message });
  for (const [i, { fmr, threshold: at, pairs }] of points.entries()) {
    if (pairs < 3 / fmr) wrong(`${pairs} pairs say nothing of a rate of ${fmr}`);
    if (i > 0 && !(fmr > points[i - 1].fmr && at > points[i - 1].threshold))
      wrong('they are not ascending');
  }
  if (points.find(({ fmr }) => fmr === CARD_FMR)?.threshold !== threshold)
    wrong(`the threshold is not that of ${CARD_FMR}`);
});

export type ImporterName = z.infer<typeof ImporterName>;
export type SourceFile = z.infer<typeof SourceFile>;
export type Source = z.infer<typeof Source>;
export type Artifact = z.infer<typeof Artifact>;
export type Manifest = z.infer<typeof ManifestSchema>;

/** The folder of manifests and label files. */
export const WEIGHTS_DIRECTORY = fileURLToPath(new URL('../../../weights/', import.meta.url));

/** The models that `npm start` needs. */
export const DEFAULT_MODELS = ['mtcnn', 'facenet-vggface2'] as const;

let loaded: readonly Manifest[] | undefined;

/** Every model this version knows, defaults first. */
export function manifests(): readonly Manifest[] {
  loaded ??= readdirSync(WEIGHTS_DIRECTORY)
    .filter((file) => file.endsWith('.json'))
    .map((file) => parseManifest(readFileSync(WEIGHTS_DIRECTORY + file, 'utf8')))
    .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  return loaded;
}

/**
 * The manifest of a model.
 * @throws FacegraphError `InvalidInput` that lists the names there are.
 */
export function manifest(name: string): Manifest {
  const found = manifests().find((candidate) => candidate.name === name);
  if (found) return found;
  const known = manifests()
    .map((candidate) => candidate.name)
    .join(', ');
  throw new FacegraphError('InvalidInput', `no model is called ${name}; there are: ${known}`);
}

/**
 * Parses and checks the text of a manifest.
 * @throws ZodError naming the field that is wrong.
 */
export function parseManifest(json: string): Manifest {
  return ManifestSchema.parse(JSON.parse(json));
}

function rank({ name }: Manifest): number {
  const at = DEFAULT_MODELS.indexOf(name as (typeof DEFAULT_MODELS)[number]);
  return at < 0 ? DEFAULT_MODELS.length : at;
}
