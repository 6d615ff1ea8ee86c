import { stat } from 'node:fs/promises';
import { parse, relative, sep } from 'node:path';
import type { DetectOptions, Embedder, Engine, SearchIndex } from '../../engine/engine.ts';
import type { Face } from '../../engine/face.ts';
import { FacegraphError } from '../../errors.ts';
import { imagesBelow, photographs, type UnreadablePhotograph } from './photographs.ts';

/** One face of one image of a known folder. */
export interface KnownFace {
  readonly identity: string;
  /** Path of the file. */
  readonly image: string;
  readonly face: Face;
}

/** The image files of a known folder. */
export interface KnownFolder {
  readonly directory: string;
  readonly paths: readonly string[];
}

/** A known folder, embedded and resident on the GPU. The owner destroys the index. */
export interface KnownFaces {
  readonly index: SearchIndex;
  /** By the id of the row in the index. */
  readonly faces: ReadonlyMap<string, KnownFace>;
  /** Files that gave no known face because they could not be read or hold no face. */
  readonly problems: readonly UnreadablePhotograph[];
}

export interface KnownOptions {
  readonly detect?: DetectOptions;
  /** Called before each file. */
  readonly progress?: (done: number, total: number, path: string) => void;
}

/**
 * The identity that a file of a known folder shows: the name of the folder it lies in directly
 * below `directory`, else its own name without extension and ` (1)`. Underscores stay.
 */
export function identityOf(directory: string, path: string): string {
  const [first, ...rest] = relative(directory, path).split(sep);
  const stem = parse(first).name;
  const name = rest.length > 0 ? first : stem.replace(/\s*\(\d+\)$/, '') || stem;
  // The same name typed on macOS (decomposed) and elsewhere (composed) is one identity.
  return name.normalize('NFC');
}

/**
 * Lists a folder laid out as `DIR/Name/*.jpg` or `DIR/Name (1).jpg`.
 * @throws FacegraphError `InvalidInput` when it is missing, no folder, or holds no image.
 */
export async function listKnown(directory: string): Promise<KnownFolder> {
  const info = await stat(directory).catch(() => undefined);
  if (!info) throw new FacegraphError('InvalidInput', `no such folder: ${directory}`);
  if (!info.isDirectory()) throw new FacegraphError('InvalidInput', `not a folder: ${directory}`);
  const paths = await imagesBelow(directory);
  if (paths.length === 0)
    throw new FacegraphError(
      'InvalidInput',
      `no images in ${directory}: expected Name/*.jpg or "Name (1).jpg"`,
    );
  return { directory, paths };
}

/**
 * Detects and embeds every face of every image of a known folder, and puts the embeddings into a
 * search index. Files that cannot be used are listed in `problems`.
 * @throws FacegraphError `InvalidInput` when no image has a face.
 */
export async function loadKnown(
  engine: Engine,
  embedder: Embedder,
  { directory, paths }: KnownFolder,
  options: KnownOptions = {},
): Promise<KnownFaces> {
  const index = engine.index(embedder.dimensions);
  const faces = new Map<string, KnownFace>();
  const problems: UnreadablePhotograph[] = [];
  try {
    let done = 0;
    for await (const photograph of photographs(paths)) {
      const { path } = photograph;
      options.progress?.(done++, paths.length, path);
      if ('error' in photograph) {
        problems.push(photograph);
        continue;
      }
      const found = await engine.detect(photograph.image, options.detect);
      if (found.length === 0)
        problems.push({ path, error: new FacegraphError('NoFaceFound', 'no face found') });
      const embeddings = found.length > 0 ? await embedder.embed(photograph.image, found) : [];
      for (const [i, face] of found.entries()) {
        const id = `${path}#${i}`;
        index.add(id, embeddings[i]);
        faces.set(id, { identity: identityOf(directory, path), image: path, face });
      }
    }
    if (faces.size === 0) {
      const first = problems[0];
      throw new FacegraphError(
        'InvalidInput',
        `no known face in ${directory}: ${first.path}: ${first.error.message}`,
      );
    }
    return { index, faces, problems };
  } catch (error) {
    index.destroy();
    throw error;
  }
}
