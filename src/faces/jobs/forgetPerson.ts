import type { Prisma } from '../../generated/prisma/client.ts';

/** What items of jobs may know of a person. */
export interface JobTraces {
  readonly faceIds: readonly string[];
  readonly names: readonly string[];
  readonly externalIds: readonly string[];
}

/**
 * Takes a person out of the jobs of a gallery, for whoever erases one: items keep their place and
 * their outcome, and lose their file, its name and whom it shows. Those that wait are refused, or
 * they would enrol the person anew.
 * @returns how many items knew of the person.
 */
export async function forgetPerson(
  tx: Prisma.TransactionClient,
  galleryId: string,
  { faceIds, names, externalIds }: JobTraces,
): Promise<number> {
  const of = (field: string) => (value: string) => ({ input: { path: [field], equals: value } });
  const where: Prisma.JobItemWhereInput = {
    job: { galleryId },
    OR: [
      { faceId: { in: [...faceIds] } },
      ...names.map(of('name')),
      ...externalIds.map(of('externalId')),
    ],
  };
  const items = await tx.jobItem.findMany({
    where,
    select: { jobId: true, position: true, state: true },
  });
  const blank = { name: '', input: {}, payload: null, faceId: null };
  for (const jobId of new Set(items.map((item) => item.jobId))) {
    const positions = (waiting: boolean) =>
      items
        .filter((item) => item.jobId === jobId && (item.state === 'WAITING') === waiting)
        .map(({ position }) => position);
    const [settled, waiting] = [positions(false), positions(true)];
    await tx.jobItem.updateMany({ where: { jobId, position: { in: settled } }, data: blank });
    if (waiting.length === 0) continue;
    const code = 'IdentityNotFound';
    await tx.jobItem.updateMany({
      where: { jobId, position: { in: waiting } },
      data: { ...blank, state: 'REFUSED', code, message: 'the person was erased' },
    });
    await tx.job.update({ where: { id: jobId }, data: { refused: { increment: waiting.length } } });
  }
  return items.length;
}
