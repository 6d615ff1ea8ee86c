import { type PGlite, type Transaction, types } from '@electric-sql/pglite';

/** How PGlite is given bytes: its own way is 60 ms for a megabyte, in which the process does nothing else. */
export const serializers = { [types.BYTEA]: toHex };
const parsers = { [types.BYTEA]: fromHex };

/**
 * The session for Prisma's adapter, which asks for a parser of its own with each query that reads bytes
 * one digit at a time.
 */
export function withByteParser(session: PGlite): PGlite {
  return new Proxy(session, {
    get(target, name) {
      if (name === 'query') return readingQuery(target);
      if (name === 'transaction') return readingTransaction(target);
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function readingQuery(session: Pick<Transaction, 'query'>): Transaction['query'] {
  return (sql, values, options) =>
    session.query(sql, values, { ...options, parsers: { ...options?.parsers, ...parsers } });
}

function readingTransaction(session: PGlite): PGlite['transaction'] {
  return (run) =>
    session.transaction((tx) => run(Object.create(tx, { query: { value: readingQuery(tx) } })));
}

// PostgreSQL's own text for bytes: \x and two digits each.
function toHex(bytes: unknown): string {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('bytes are to be a Uint8Array');
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
}

function fromHex(text: string): Uint8Array {
  // A small Buffer is a view of memory that it shares with others.
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'));
}
