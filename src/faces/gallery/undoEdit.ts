import { FacegraphError } from '../../errors.ts';
import type { Edit, Prisma } from '../../generated/prisma/client.ts';
import { violates } from '../database/violates.ts';
import { changeFaces } from './changes.ts';
import type { Service } from './galleries.ts';
import type { Snapshot } from './snapshot.ts';
import { type Access, visible } from './store.ts';

/**
 * Takes an edit back, exactly: its faces to whom they were of, a person that it removed as it was,
 * and a person that it made away.
 * @throws FacegraphError `EditNotFound`; `EditConflict` when it was undone before, or when its faces
 *   or people were changed since in a way that contradicts. Then nothing is changed.
 */
export async function undoEdit(service: Service, id: string): Promise<void> {
  const { galleryId } = await findEdit(service, id);
  await changeFaces(service, galleryId, async (tx, touched) => {
    const edit = await findEdit({ ...service, db: tx }, id);
    if (edit.undoneAt) throw conflict('it is undone already');
    const { fromId, toId, faceIds } = edit;
    if (edit.removed) await restore(tx, galleryId, edit.removed as Snapshot);
    else if (fromId !== null && (await tx.identity.count({ where: { id: fromId } })) === 0)
      throw conflict('the identity that had the faces is gone');
    const { count } = await tx.face.updateMany({
      where: { id: { in: faceIds }, identityId: toId },
      // How far apart they are is written anew with the template; nobody's have none.
      data: { identityId: fromId, apart: null },
    });
    if (count < faceIds.length)
      throw conflict(`${faceIds.length - count} of its faces were moved or deleted since`);
    if (toId !== null && edit.labels)
      await restoreLabels(tx, toId, edit.labels as { before: string[]; after: string[] });
    if (edit.made) await remove(tx, edit.made as Snapshot);
    await tx.edit.update({ where: { id }, data: { undoneAt: new Date() } });
    for (const faceId of faceIds) touched.faces.add(faceId);
    for (const identity of [fromId, toId]) if (identity !== null) touched.identities.add(identity);
  });
}

async function findEdit(access: Access, id: string): Promise<Edit> {
  const edit = await access.db.edit.findFirst({ where: { id, gallery: visible(access) } });
  if (!edit) throw new FacegraphError('EditNotFound', 'no edit of this id');
  return edit;
}

async function restore(
  tx: Prisma.TransactionClient,
  galleryId: string,
  removed: Snapshot,
): Promise<void> {
  await tx.identity.create({ data: { ...removed, galleryId } }).catch((error) => {
    throw violates(error, 'P2002')
      ? conflict(`somebody else has the external id ${removed.externalId} now`)
      : error;
  });
}

async function restoreLabels(
  tx: Prisma.TransactionClient,
  id: string,
  { before, after }: { before: string[]; after: string[] },
): Promise<void> {
  const where = { id, labels: { equals: after } };
  const { count } = await tx.identity.updateMany({ where, data: { labels: before } });
  if (count === 0) throw conflict('the labels of the identity were changed since');
}

// The condition is part of the deletion, so that an update at the same moment is not lost.
async function remove(tx: Prisma.TransactionClient, made: Snapshot): Promise<void> {
  const where = { ...made, labels: { equals: made.labels }, faces: { none: {} } };
  const { count } = await tx.identity.deleteMany({ where });
  if (count === 0) throw conflict('the identity that it made was changed since or has more faces');
}

function conflict(why: string): FacegraphError {
  return new FacegraphError('EditConflict', `the edit cannot be undone: ${why}`);
}
