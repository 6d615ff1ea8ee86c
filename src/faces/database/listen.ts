import pg from 'pg';

const RECONNECT_MS = 1000;

/**
 * Listens on a channel of a PostgreSQL server over a connection of its own, which is opened again
 * when it breaks.
 * @param hear gets each payload, and undefined after every new connection, since announcements made
 *   while there was none are lost.
 * @returns a function that stops listening.
 */
export function listen(
  url: string,
  channel: string,
  hear: (payload: string | undefined) => void,
): () => Promise<void> {
  let stopped = false;
  let wake = () => {};
  let current: pg.Client | undefined;

  const once = async () => {
    const client = new pg.Client({ connectionString: url, keepAlive: true });
    current = client;
    const broken = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.on('end', () => resolve());
    });
    client.on('notification', ({ payload }) => hear(payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
      hear(undefined);
      await broken;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const run = (async () => {
    while (!stopped) {
      await once().catch(() => undefined);
      if (stopped) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, RECONNECT_MS);
      });
    }
  })();
  return async () => {
    stopped = true;
    wake();
    await current?.end().catch(() => undefined);
    await run;
  };
}
