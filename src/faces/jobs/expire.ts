import type { PrismaClient } from '../../generated/prisma/client.ts';
import { changeFaces } from '../gallery/changes.ts';
import { eraseExpired } from '../gallery/eraseIdentity.ts';
import type { Service } from '../gallery/galleries.ts';

const DAY = 86_400_000;
/** How long ended jobs can be looked at. */
const KEEP_JOBS_DAYS = 30;
const BATCH = 500;

/**
 * Deletes what has outlived its purpose: faces older than their gallery's retention, jobs that were
 * cut off while they were received, and jobs that ended long ago. Several processes may do it at once.
 */
export async function expire(service: Pick<Service, 'db' | 'indexes'>): Promise<void> {
  await expireFaces(service);
  await eraseExpired(service);
  await forgetJobs(service.db);
}

async function expireFaces(service: Pick<Service, 'db' | 'indexes'>): Promise<void> {
  const { db } = service;
  const galleries = await db.gallery.findMany({ where: { retentionDays: { not: null } } });
  for (const { id: galleryId, retentionDays } of galleries) {
    const where = { galleryId, createdAt: { lt: new Date(Date.now() - retentionDays! * DAY) } };
    while ((await db.face.count({ where })) > 0)
      await changeFaces(service, galleryId, async (tx, touched) => {
        const select = { id: true, identityId: true };
        const faces = await tx.face.findMany({ where, select, take: BATCH });
        for (const { id, identityId } of faces) {
          touched.faces.add(id);
          if (identityId) touched.identities.add(identityId);
        }
        await tx.face.deleteMany({ where: { id: { in: [...touched.faces] } } });
      });
  }
}

async function forgetJobs(db: PrismaClient): Promise<void> {
  const now = Date.now();
  await db.job.deleteMany({
    where: {
      OR: [
        { state: 'RECEIVING', leaseUntil: { lt: new Date(now) } },
        { finishedAt: { lt: new Date(now - KEEP_JOBS_DAYS * DAY) } },
      ],
    },
  });
}
