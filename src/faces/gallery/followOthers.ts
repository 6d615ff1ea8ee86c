import type { Database } from '../database/database.ts';
import { CHANNEL } from './changes.ts';
import type { Indexes } from './indexes.ts';
import { forgetOldKeys } from './once.ts';

/** How often versions are compared, which repairs a missed announcement. */
const CHECK_MS = 1000;
/** How long changes are kept for processes that are behind; others read their gallery anew. */
const KEEP_MS = 3_600_000;

/**
 * Keeps the indexes of this process at what other processes make of the galleries, and each gallery
 * where its size belongs.
 * @param failed called when the database could not be asked; it is asked again.
 * @returns a function that stops following.
 */
export function followOthers(
  { client, listen }: Database,
  indexes: Indexes,
  failed: (error: unknown) => void,
): () => Promise<void> {
  const stop = listen(CHANNEL, (galleryId) => {
    const followed = galleryId === undefined ? indexes.followAll() : indexes.follow(galleryId);
    followed.catch(failed);
  });
  let checking: Promise<unknown> = Promise.resolve();
  const check = async () => {
    await indexes.followAll();
    const before = new Date(Date.now() - KEEP_MS);
    await client.galleryChange.deleteMany({ where: { at: { lt: before } } });
    await forgetOldKeys(client);
  };
  // Beside the checks: a large gallery takes minutes.
  let promoting: Promise<unknown> | undefined;
  const timer = setInterval(() => {
    checking = checking.then(check).catch(failed);
    promoting ??= indexes
      .promote()
      .catch(failed)
      .finally(() => {
        promoting = undefined;
      });
  }, CHECK_MS);
  return async () => {
    clearInterval(timer);
    await stop();
    await checking;
    await promoting;
  };
}
