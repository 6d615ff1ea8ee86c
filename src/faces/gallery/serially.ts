const queues = new Map<string, Promise<unknown>>();

/**
 * Runs the changes of one gallery one after another, so that the database and the search index see
 * them in the same order.
 */
export function serially<T>(galleryId: string, change: () => Promise<T>): Promise<T> {
  const before = queues.get(galleryId) ?? Promise.resolve();
  const result = before.then(change);
  const settled = result
    .catch(() => undefined)
    .finally(() => {
      if (queues.get(galleryId) === settled) queues.delete(galleryId);
    });
  queues.set(galleryId, settled);
  return result;
}
