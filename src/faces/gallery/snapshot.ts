import type { Identity } from '../../generated/prisma/client.ts';

/** An identity as an edit remembers it, as plain JSON that the database takes back. */
export type Snapshot = ReturnType<typeof snapshot>;

/** All of an identity but its template, which follows from its faces. */
export function snapshot(identity: Identity) {
  const { id, name, externalId, labels, consentBasis } = identity;
  return {
    id,
    name,
    externalId,
    labels,
    consentBasis,
    consentRecordedAt: identity.consentRecordedAt?.toISOString() ?? null,
    consentExpiresAt: identity.consentExpiresAt?.toISOString() ?? null,
    createdAt: identity.createdAt.toISOString(),
  };
}
