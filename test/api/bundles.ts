import { createHash } from 'node:crypto';
import { Header } from 'tar';
import type { Database } from '../../src/faces/database/database.ts';
import { changeFaces } from '../../src/faces/gallery/changes.ts';
import type { Service } from '../../src/faces/gallery/galleries.ts';
import { insertFace, insertIdentity } from '../../src/faces/gallery/store.ts';

/** A member of an archive: name and content, or the header's own fields where they lie. */
export interface Part {
  readonly name: string;
  readonly data: Buffer;
  readonly header?: { size?: number; type?: 'SymbolicLink' | 'Directory'; linkpath?: string };
}

/** A tar archive of these parts. */
export function archive(parts: readonly Part[]): Buffer {
  const blocks = parts.flatMap(({ name, data, header }) => {
    const block = Buffer.alloc(512);
    new Header({ path: name, mode: 0o600, size: data.length, type: 'File', ...header }).encode(
      block,
      0,
    );
    return [block, data, Buffer.alloc(-data.length & 511)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** The parts of an archive of plain files. */
export function partsOf(bytes: Buffer): Part[] {
  const parts: Part[] = [];
  for (let at = 0; bytes[at] !== 0; ) {
    const { path, size } = new Header(bytes, at);
    parts.push({ name: path!, data: bytes.subarray(at + 512, at + 512 + size!) });
    at += 512 + Math.ceil(size! / 512) * 512;
  }
  return parts;
}

/** With checksums.json as the other parts want it. */
export function summed(parts: readonly Part[]): Part[] {
  // Photographs are called by their sums.
  const others = parts.filter(
    ({ name }) => name !== 'checksums.json' && !name.startsWith('images/'),
  );
  const sums = others.map(({ name, data }) => [
    name,
    createHash('sha256').update(data).digest('hex'),
  ]);
  const data = Buffer.from(JSON.stringify(Object.fromEntries(sums)));
  return parts.map((part) => (part.name === 'checksums.json' ? { ...part, data } : part));
}

/** A person to be put into a gallery. */
export interface Somebody {
  readonly name: string;
  readonly externalId: string | null;
  readonly faces: readonly Float32Array[];
}

/** Makes a gallery of these people through the domain; faces get boxes of their own. */
export async function galleryOf(
  service: Service,
  data: { name: string; threshold?: number | null },
  people: readonly Somebody[],
): Promise<string> {
  const { id } = await service.db.gallery.create({ data: { ...data, model: 'facenet-vggface2' } });
  let count = 0;
  for (const { faces, ...person } of people) {
    const identity = await insertIdentity(service.db, id, person);
    await changeFaces(service, id, async (tx, touched, gallery) => {
      touched.identities.add(identity.id);
      for (const embedding of faces) {
        const face = {
          box: [count++, -3, 64, 80] as const,
          confidence: 0.98765,
          landmarks: {
            leftEye: [1.5, 1],
            rightEye: [2, 1],
            nose: [2, 2],
            mouthLeft: [1, 3],
            mouthRight: [2, 3.25],
          } as const,
        };
        const imageHash = createHash('sha256').update(String(count)).digest('hex');
        const row = await insertFace(tx, gallery, identity, {
          face,
          imageHash,
          bytes: null,
          embedding,
        });
        touched.faces.add(row.id);
      }
    });
  }
  return id;
}

/** Everything the database holds of a gallery but what an import makes anew. */
export async function contentOf({ client: db }: Pick<Database, 'client'>, id: string) {
  return {
    gallery: await db.gallery.findUnique({ where: { id }, omit: { version: true } }),
    identities: await db.identity.findMany({
      where: { galleryId: id },
      omit: { template: true },
      orderBy: { id: 'asc' },
    }),
    faces: await db.face.findMany({
      where: { galleryId: id },
      omit: { apart: true },
      orderBy: { id: 'asc' },
    }),
  };
}
