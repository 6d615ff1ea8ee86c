import { Prisma } from '../../generated/prisma/client.ts';

/**
 * Whether a database error is the one of this Prisma code: P2002 a unique value that exists, P2003 a
 * reference to nothing, P2025 a row to be changed that does not exist.
 */
export function violates(error: unknown, code: 'P2002' | 'P2003' | 'P2025'): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === code;
}

/** Whether the database refused a text for a U+0000 in it, which PostgreSQL can neither hold nor compare. */
export function refusesNul(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && /\b22021\b/.test(error.message);
}
