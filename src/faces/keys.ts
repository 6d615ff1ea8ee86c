import { createHash, randomBytes } from 'node:crypto';
import type { PrismaClient } from '../generated/prisma/client.ts';

/** What a key may do. `admin` implies all others. */
export const SCOPES = [
  'detect',
  'verify',
  'identify',
  'gallery:read',
  'gallery:write',
  'embed',
  'profile',
  'audit',
  'admin',
] as const;

export type Scope = (typeof SCOPES)[number];

/** A key that was presented and is valid. */
export interface Key {
  readonly id: string;
  readonly scopes: readonly Scope[];
  /** Ids of the galleries it is bound to; null: it may use all. */
  readonly galleries: readonly string[] | null;
}

/** A key to be made. */
export interface NewKey {
  readonly label: string;
  readonly scopes: readonly Scope[];
  /** Ids of the galleries it is bound to; all when empty or absent. */
  readonly galleries?: readonly string[];
  readonly expiresAt?: Date;
}

const MINUTE = 60_000;

/** Makes a key and returns its secret. */
export async function createKey(db: Pick<PrismaClient, 'apiKey'>, key: NewKey): Promise<string> {
  return (await insertKey(db, key)).secret;
}

/**
 * Makes a key.
 * @returns with the secret, which is nowhere stored: only its hash is.
 */
export async function insertKey(
  db: Pick<PrismaClient, 'apiKey'>,
  { label, scopes, galleries = [], expiresAt }: NewKey,
): Promise<{ id: string; secret: string }> {
  const secret = `fg_${randomBytes(32).toString('base64url')}`;
  const { id } = await db.apiKey.create({
    data: {
      label,
      hash: hashed(secret),
      scopes: [...scopes],
      galleryIds: [...galleries],
      expiresAt,
    },
  });
  return { id, secret };
}

/** Makes the first key, with scope `admin`, when there is none yet; else null. */
export async function createFirstKey(db: PrismaClient): Promise<string | null> {
  return db.$transaction(async (tx) => {
    // Two servers that start together on one database must not both make a first key.
    await tx.$executeRaw`LOCK TABLE "ApiKey" IN EXCLUSIVE MODE`;
    return (await tx.apiKey.count()) === 0
      ? createKey(tx, { label: 'first admin key', scopes: ['admin'] })
      : null;
  });
}

/** The key with this secret, or null when it is unknown, expired or revoked. */
export async function authenticate(db: PrismaClient, secret: string): Promise<Key | null> {
  const now = new Date();
  const key = await db.apiKey.findUnique({ where: { hash: hashed(secret), ...inForce(now) } });
  if (!key) return null;
  // To the minute, so that a read-only request does not always write.
  if (!key.lastUsedAt || now.getTime() - key.lastUsedAt.getTime() > MINUTE)
    await db.apiKey.updateMany({ where: { id: key.id }, data: { lastUsedAt: now } });
  return {
    id: key.id,
    scopes: SCOPES.filter((scope) => key.scopes.includes(scope)),
    galleries: key.galleryIds.length > 0 ? key.galleryIds : null,
  };
}

/** Whether a key that was valid is so still. */
export async function isInForce(db: PrismaClient, { id }: Pick<Key, 'id'>): Promise<boolean> {
  return (await db.apiKey.count({ where: { id, ...inForce(new Date()) } })) > 0;
}

function inForce(now: Date) {
  return { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] };
}

/** Whether a key may use what asks for `scope`. */
export function permits(key: Key, scope: Scope): boolean {
  return key.scopes.includes(scope) || key.scopes.includes('admin');
}

// A plain hash is enough: the secret has 256 random bits and cannot be guessed.
function hashed(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
