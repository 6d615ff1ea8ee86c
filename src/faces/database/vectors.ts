import { manifests } from '../../engine/weights/manifest.ts';
import type { Session } from './migrate.ts';

/** PostgreSQL's schema for search tables: Prisma looks at `public` alone, and they may be missing. */
export const SCHEMA = 'facegraph_search';

/**
 * Makes the tables in which large galleries are searched, where there is the extension pgvector.
 * @returns null, or the reason why there are none.
 */
export async function prepareVectors(session: Session): Promise<string | null> {
  const { rows } = await session.query(
    `SELECT default_version FROM pg_available_extensions WHERE name = 'vector'`,
  );
  if (rows.length === 0) return 'the extension vector is not installed';
  const { default_version: version } = rows[0] as { default_version: string };
  const [major, minor] = version.split('.').map(Number);
  // Before, an index found too little where it holds several galleries.
  if (major === 0 && minor < 8) return `the extension vector is ${version}: 0.8 is needed`;
  try {
    await session.exec(`BEGIN; SELECT pg_advisory_xact_lock(${LOCK}); ${TABLES} COMMIT`);
    return null;
  } catch (error) {
    await session.exec('ROLLBACK');
    return error instanceof Error ? error.message : String(error);
  }
}

// Any number that no other program uses; servers that start together wait for each other.
const LOCK = 72707370;

// Rows vanish with the face or person they are of. Vectors of every length lie in one column; each
// length that a model here makes has an index.
const TABLES = `
CREATE EXTENSION IF NOT EXISTS vector;
CREATE SCHEMA IF NOT EXISTS ${SCHEMA};
CREATE TABLE IF NOT EXISTS ${SCHEMA}.gallery (
  "galleryId" text PRIMARY KEY REFERENCES "Gallery" ON DELETE CASCADE ON UPDATE CASCADE,
  model text NOT NULL,
  version integer NOT NULL,
  ready boolean NOT NULL DEFAULT false
);
${[
  ['face', 'Face'],
  ['template', 'Identity'],
]
  .map(
    ([table, of]) => `
CREATE TABLE IF NOT EXISTS ${SCHEMA}.${table} (
  id text PRIMARY KEY REFERENCES "${of}" ON DELETE CASCADE ON UPDATE CASCADE,
  "galleryId" text NOT NULL,
  dimensions integer NOT NULL,
  vector halfvec NOT NULL
);
CREATE INDEX IF NOT EXISTS ${table}_gallery ON ${SCHEMA}.${table} ("galleryId");
${lengths()
  .map(
    (d) => `CREATE INDEX IF NOT EXISTS ${table}_${d} ON ${SCHEMA}.${table}
  USING hnsw ((vector::halfvec(${d})) halfvec_ip_ops) WHERE dimensions = ${d};`,
  )
  .join('\n')}`,
  )
  .join('')}`;

function lengths(): number[] {
  return [...new Set(manifests().flatMap(({ dimensions }) => dimensions ?? []))];
}
