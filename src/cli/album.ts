import { mkdir, writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import type { Face } from '../engine/face.ts';
import { encodeJpeg } from '../engine/image/encode.ts';
import type { Image } from '../engine/image/image.ts';
import { FacegraphError } from '../errors.ts';
import type { Photograph } from '../faces/folder/photographs.ts';
import { cropFace, drawFaces, matchedPair } from '../faces/folder/pictures.ts';
import { say } from './failure.ts';
import { counted } from './output.ts';

/** A folder that pictures are written to. Every call writes JPEG files named after the source. */
export interface Album {
  /** `NAME-faces.jpg` with boxes, landmarks and labels, and `NAME-face1.jpg` … of each face. */
  faces(photograph: Photograph, faces: readonly { face: Face; label?: string }[]): Promise<void>;
  /** `NAME-SUFFIX.jpg`: two faces side by side. */
  pair(a: Portrait, b: Portrait, suffix: string, caption: string): Promise<void>;
  /** Says on stderr how many pictures were written. */
  end(): void;
}

/** One face of one photograph. */
export interface Portrait {
  readonly photograph: Photograph;
  readonly face: Face;
}

// Enough to see hair and chin.
const MARGIN = 0.25;

/**
 * Makes the folder of --out; undefined when the option was not given.
 * @throws FacegraphError `InvalidInput` when it cannot be made.
 */
export async function openAlbum(directory: string | undefined): Promise<Album | undefined> {
  if (directory === undefined) return undefined;
  await mkdir(directory, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new FacegraphError('InvalidInput', `cannot make the folder ${directory} (${error.code})`);
  });
  const name = uniqueNames();
  let written = 0;
  const save = async (source: string, suffix: string, image: Image): Promise<void> => {
    const file = `${name(source)}-${suffix}.jpg`;
    await writeFile(join(directory, file), encodeJpeg(image)).catch(
      (error: NodeJS.ErrnoException) => {
        throw new FacegraphError('InvalidInput', `cannot write ${file} (${error.code})`);
      },
    );
    written++;
  };
  const crop = ({ photograph, face }: Portrait): Image => cropFace(photograph.image, face, MARGIN);
  return {
    async faces(photograph, faces) {
      const { path, image } = photograph;
      await save(path, 'faces', drawFaces(image, [...faces]));
      for (const [i, { face }] of faces.entries())
        await save(path, `face${i + 1}`, crop({ photograph, face }));
    },
    async pair(a, b, suffix, caption) {
      const safe = suffix.replace(/[^\p{L}\p{N}._-]+/gu, '_');
      await save(a.photograph.path, safe, matchedPair(crop(a), crop(b), caption));
    },
    end: () => say(`${counted(written, 'picture')} in ${directory}`),
  };
}

// Two sources of the same name in different folders must not overwrite each other's pictures.
function uniqueNames(): (path: string) => string {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  return (path) => {
    let name = names.get(path);
    if (name === undefined) {
      const stem = parse(path).name;
      name = stem;
      for (let n = 2; taken.has(name); n++) name = `${stem}-${n}`;
      taken.add(name);
      names.set(path, name);
    }
    return name;
  };
}
