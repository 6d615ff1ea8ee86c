import { FacegraphError } from '../../errors.ts';
import type { EditKind, Identity, Prisma } from '../../generated/prisma/client.ts';
import { changeFaces, type Touched } from './changes.ts';
import type { Service } from './galleries.ts';
import { personColumns } from './person.ts';
import { type Snapshot, snapshot } from './snapshot.ts';
import * as store from './store.ts';

/** What an edit came to, by ids. */
export interface Edited {
  readonly edit: string;
  /** Whose the faces are now. */
  readonly identity: string;
}

/** Whom a face is given to: a person of the same gallery. */
export type Receiver = { readonly id: string } | { readonly new: store.NewIdentity };

/** What of an edit its undoing needs; see the table's columns. */
interface Move {
  readonly kind: EditKind;
  /** Null: the faces were nobody's. */
  readonly fromId: string | null;
  /** Null: they became nobody's. */
  readonly toId: string | null;
  readonly faceIds: readonly string[];
  readonly removed?: Snapshot;
  readonly made?: Snapshot;
  readonly labels?: { readonly before: string[]; readonly after: string[] };
}

/**
 * Gives a face, of somebody or nobody, to another person of its gallery.
 * @throws FacegraphError `FaceNotFound`, `IdentityNotFound`, `NameTaken`, `InvalidInput`.
 */
export async function reassignFace(
  service: Service,
  faceId: string,
  to: Receiver,
): Promise<Edited> {
  const { galleryId } = await store.findFace(service, faceId);
  return changeFaces(service, galleryId, async (tx, touched) => {
    const { identityId: fromId } = await store.findFace({ ...service, db: tx }, faceId);
    const receiver =
      'id' in to
        ? await member(tx, galleryId, to.id)
        : await store.insertIdentity(tx, galleryId, personColumns(to.new));
    const toId = receiver.id;
    if (toId === fromId)
      throw new FacegraphError('InvalidInput', 'the face is of this identity already');
    await tx.face.update({ where: { id: faceId }, data: { identityId: toId } });
    const edit = await record(tx, touched, galleryId, {
      kind: 'REASSIGN',
      fromId,
      toId,
      faceIds: [faceId],
      made: 'new' in to ? snapshot(receiver) : undefined,
    });
    return { edit, identity: toId };
  });
}

/**
 * Makes two people of a gallery one: `into` gets the faces of `from` and, besides its own, the
 * labels; `from` goes, and the edit remembers it.
 * @throws FacegraphError `IdentityNotFound`, also for two galleries; `InvalidInput` for one person.
 */
export async function mergeIdentities(
  service: Service,
  from: string,
  into: string,
): Promise<Edited> {
  if (from === into) throw new FacegraphError('InvalidInput', 'from and into are one identity');
  const { galleryId } = await store.findIdentity(service, into);
  return changeFaces(service, galleryId, async (tx, touched) => {
    // An update of their names or labels waits, so that what is remembered is how they were.
    await tx.$queryRaw`SELECT "id" FROM "Identity" WHERE "id" IN (${from}, ${into}) ORDER BY "id" FOR UPDATE`;
    const removed = await member(tx, galleryId, from);
    const { labels: before } = await member(tx, galleryId, into);
    const faces = await tx.face.findMany({ where: { identityId: from }, select: { id: true } });
    await tx.face.updateMany({ where: { identityId: from }, data: { identityId: into } });
    const after = [...new Set([...before, ...removed.labels])];
    const labels = after.length > before.length ? { before, after } : undefined;
    if (labels) await tx.identity.update({ where: { id: into }, data: { labels: after } });
    await tx.identity.delete({ where: { id: from } });
    const edit = await record(tx, touched, galleryId, {
      kind: 'MERGE',
      fromId: from,
      toId: into,
      faceIds: faces.map(({ id }) => id),
      removed: snapshot(removed),
      labels,
    });
    return { edit, identity: into };
  });
}

/**
 * Makes somebody new of some faces of a person.
 * @throws FacegraphError `IdentityNotFound`, `FaceNotFound` for one of somebody else, `NameTaken`,
 *   `InvalidInput`.
 */
export async function splitIdentity(
  service: Service,
  fromId: string,
  faces: readonly string[],
  person: store.NewIdentity,
): Promise<Edited> {
  const faceIds = [...new Set(faces)];
  if (faceIds.length === 0) throw new FacegraphError('InvalidInput', 'no face to split off');
  const columns = personColumns(person);
  const { galleryId } = await store.findIdentity(service, fromId);
  return changeFaces(service, galleryId, async (tx, touched) => {
    await member(tx, galleryId, fromId);
    const made = await store.insertIdentity(tx, galleryId, columns);
    const { count } = await tx.face.updateMany({
      where: { id: { in: faceIds }, identityId: fromId },
      data: { identityId: made.id },
    });
    if (count < faceIds.length)
      throw new FacegraphError(
        'FaceNotFound',
        `${faceIds.length - count} of ${faceIds.length} are no faces of this identity`,
      );
    const edit = await record(tx, touched, galleryId, {
      kind: 'SPLIT',
      fromId,
      toId: made.id,
      faceIds,
      made: snapshot(made),
    });
    return { edit, identity: made.id };
  });
}

/**
 * Takes faces from their people without deleting them: they become nobody's, and no search for people
 * finds them. One edit for each person, in the order of the people's first faces.
 * @throws FacegraphError `FaceNotFound` when one is of nobody, gone, or of another gallery than the
 *   first; `InvalidInput`.
 */
export async function unassignFaces(
  service: Service,
  faces: readonly string[],
): Promise<{ readonly edits: readonly string[] }> {
  const faceIds = [...new Set(faces)];
  if (faceIds.length === 0) throw new FacegraphError('InvalidInput', 'no face to take away');
  const { galleryId } = await store.findFace(service, faceIds[0]);
  return changeFaces(service, galleryId, async (tx, touched) => {
    const rows = await tx.face.findMany({
      where: { id: { in: faceIds }, galleryId, identityId: { not: null } },
      select: { id: true, identityId: true },
    });
    if (rows.length < faceIds.length)
      throw new FacegraphError(
        'FaceNotFound',
        `${faceIds.length - rows.length} of ${faceIds.length} are faces of nobody in this gallery`,
      );
    const owner = new Map(rows.map(({ id, identityId }) => [id, identityId!]));
    const nobodys = { identityId: null, apart: null };
    await tx.face.updateMany({ where: { id: { in: faceIds } }, data: nobodys });
    const edits: string[] = [];
    for (const fromId of new Set(faceIds.map((id) => owner.get(id)!))) {
      const theirs = faceIds.filter((id) => owner.get(id) === fromId);
      const move = { kind: 'UNASSIGN', fromId, toId: null, faceIds: theirs } as const;
      edits.push(await record(tx, touched, galleryId, move));
    }
    return { edits };
  });
}

async function member(
  tx: Prisma.TransactionClient,
  galleryId: string,
  id: string,
): Promise<Identity> {
  return store.findIdentity({ db: tx, galleries: [galleryId] }, id);
}

async function record(
  tx: Prisma.TransactionClient,
  touched: Touched,
  galleryId: string,
  { faceIds, ...move }: Move,
): Promise<string> {
  for (const id of faceIds) touched.faces.add(id);
  for (const id of [move.fromId, move.toId]) if (id !== null) touched.identities.add(id);
  const { id } = await tx.edit.create({ data: { ...move, galleryId, faceIds: [...faceIds] } });
  return id;
}
