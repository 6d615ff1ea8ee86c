import { PGlite } from '@electric-sql/pglite';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../src/api/operation/log.ts';
import { createMetrics } from '../src/api/operation/metrics.ts';
import { createServer } from '../src/api/server.ts';
import { limitsOf, readConfig } from '../src/config.ts';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { migrate } from '../src/faces/database/migrate.ts';
import { createIndexes } from '../src/faces/gallery/indexes.ts';
import { createKey } from '../src/faces/keys.ts';
import { storeMaskReport } from '../src/faces/maskReport/report.ts';
import { createSearchLog, type SearchLog } from '../src/faces/search/searchLog.ts';
import { PrismaClient } from '../src/generated/prisma/client.ts';
import { fakeEngine, picture } from './api/fakeEngine.ts';
import { MIGRATIONS } from './api/schemaEngine.ts';

const ENROL = `mutation ($image: ImageInput!, $identity: EnrolIdentity!) {
  enrolFace(image: $image, identity: $identity, allowSimilar: true) { __typename } }`;

const READS = {
  'people and their faces': `query ($gallery: String!) { gallery(by: { name: $gallery }) {
    faceCount identities(first: 50) { totalCount edges { node { name labels faceCount gallery { name }
      faces(first: 5) { totalCount edges { node { confidence identity { name } } } } } } } } }`,
  'who is near': `query ($gallery: String!, $image: ImageInput!) {
    identify(image: $image, gallery: { name: $gallery }, top: 50) { ... on Identification { faces { candidates {
      distance face { imageHash identity { name } } identity { name gallery { name } faces(first: 5) { totalCount } } } } } } }`,
  'mask reports': `query ($gallery: String!) { gallery(by: { name: $gallery }) { maskReport { fmr current }
    maskReports(first: 5) { totalCount edges { node { at current comparisons { threshold }
      risks(first: 50) { totalCount edges { node { rise identity { name gallery { name } faceCount } } } } } } } } }`,
} as const;

/** SQL statements, of which transactions and savepoints are no news. */
const COUNTED = /^(SELECT|INSERT|UPDATE|DELETE)/;

describe('queries of a request', () => {
  const engine = fakeEngine();
  let embedded: PGlite;
  let searchLog: SearchLog;
  let statements = 0;
  let run: (query: string, variables: object) => Promise<string>;

  beforeAll(async () => {
    embedded = await PGlite.create();
    await migrate(
      { exec: (s) => embedded.exec(s), query: (s, p) => embedded.query(s, [...(p ?? [])]) },
      MIGRATIONS,
    );
    const db = new PrismaClient({
      adapter: new PrismaPGlite(embedded),
      log: [{ emit: 'event', level: 'query' }],
    });
    db.$on('query', ({ query }) => {
      if (COUNTED.test(query)) statements++;
    });
    const indexes = createIndexes(db, engine);
    const jobs = { importDirectory: undefined, stopping: new AbortController().signal, wake() {} };
    searchLog = createSearchLog(db, console.error);
    const limits = { ...limitsOf(readConfig({})), ratePerMinute: 0 };
    const options = {
      databaseKind: 'PGlite',
      graphiql: false,
      accepting: () => true,
      limits,
      metrics: createMetrics(),
      metricsEndpoint: false,
      log: createLog('silent'),
    } as const;
    const server = createServer({ db, engine, indexes, jobs, searchLog, ...options });
    const key = await createKey(db, { label: 'test', scopes: ['admin'] });
    run = async (query, variables) => {
      const response = await server.fetch('http://localhost/graphql', {
        method: 'POST',
        headers: { 'x-api-key': key, 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      });
      return response.text();
    };
    for (const [name, size] of [
      ['few', 3],
      ['many', 20],
    ] as const) {
      await run('mutation ($name: String!) { createGallery(name: $name) { __typename } }', {
        name,
      });
      for (let person = 0; person < size; person++) {
        const identity = { new: { gallery: { name }, name: `person ${person}` } };
        const colour = [20 + 11 * person, 255 - 11 * person, (97 * person) % 256] as const;
        expect(await run(ENROL, { identity, image: shown(picture(colour)) })).toContain('"Face"');
      }
      await reportOn(db, name);
    }
  });
  afterAll(async () => {
    await searchLog?.close();
    await embedded?.close();
    await closeDecoder();
  });

  const cost = async (query: string, gallery: string) => {
    // What is written down in the background is not part of the next request.
    await expect.poll(() => searchLog.pending).toBe(0);
    statements = 0;
    const answer = await run(query, { gallery, image: shown(picture([200, 30, 30])) });
    return { statements, people: new Set(answer.match(/person \d+/g)).size };
  };

  it.each(Object.entries(READS))('are as many for three people as for twenty: %s', async (_, q) => {
    const [few, many] = [await cost(q, 'few'), await cost(q, 'many')];
    expect([few.people, many.people]).toEqual([3, 20]);
    expect(many.statements).toBe(few.statements);
    expect(many.statements).toBeGreaterThan(1);
    expect(many.statements).toBeLessThan(15);
  });
});

function shown(bytes: Uint8Array): { base64: string } {
  return { base64: Buffer.from(bytes).toString('base64') };
}

/** Stores two mask reports of a gallery with everybody at risk. */
async function reportOn(db: PrismaClient, name: string): Promise<void> {
  const { id: galleryId, identities } = await db.gallery.findUniqueOrThrow({
    where: { name },
    include: { identities: true },
  });
  const person = { probes: 1, missedUnmasked: 0, missedMasked: 1, missedWithMaskedEnrolment: 0 };
  const figure = { value: 0, interval: [0, 0] as const };
  const errors = { genuine: 1, impostor: 1, lost: 0, fnmr: figure, fmr: figure };
  for (const seed of [1, 2])
    await db.$transaction((tx) =>
      storeMaskReport(tx, {
        galleryId,
        model: 'facenet-vggface2',
        fingerprint: 'x',
        seed,
        fmrAsked: 0.001,
        identities: identities.length,
        faces: identities.length,
        lost: 0,
        figures: {
          fmr: 0.1,
          conditions: [{ name: 'unmasked', threshold: 0.4, ...errors }],
          groups: [],
          people: identities.map(({ id }) => {
            return { identity: id, ...person, rise: 0.1, maskedEnrolmentHelps: true };
          }),
        },
      }),
    );
}
