import { FacegraphError } from '../../errors.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import type { Consent, NewIdentity, PersonColumns } from './store.ts';
import { keyed, named } from './text.ts';

/** Which people of a gallery are listed: those for whom all that is given holds. */
export interface IdentityFilter {
  /** Part of the name, in whatever case. */
  readonly name?: string | null;
  readonly label?: string | null;
  readonly externalId?: string | null;
}

const MAX_LABELS = 50;

/**
 * What a client says of a person, as the database holds it. What is undefined stays so: an update
 * leaves it as it is.
 * @throws FacegraphError `InvalidInput`.
 */
export function personColumns(person: NewIdentity): PersonColumns;
export function personColumns(person: Partial<NewIdentity>): Partial<PersonColumns>;
export function personColumns(person: Partial<NewIdentity>): Partial<PersonColumns> {
  const { name, externalId, labels, consent } = person;
  return {
    name: name === undefined ? undefined : named(name),
    externalId: externalId == null ? externalId : keyed(externalId, 'externalId'),
    labels: labels === undefined ? undefined : labelled(labels ?? []),
    ...(consent !== undefined && consentColumns(consent)),
  };
}

/** The people of whom all that is given holds. @throws FacegraphError `InvalidInput`. */
export function likeFilter({ name, label, externalId }: IdentityFilter): Prisma.IdentityWhereInput {
  return {
    ...(name != null && { name: { contains: pattern(name), mode: 'insensitive' } }),
    ...(label != null && { labels: { has: named(label, 'a label') } }),
    ...(externalId != null && { externalId: keyed(externalId, 'externalId') }),
  };
}

function labelled(labels: readonly string[]): string[] {
  const distinct = [...new Set(labels.map((label) => named(label, 'a label')))];
  if (distinct.length > MAX_LABELS)
    throw new FacegraphError('InvalidInput', `${distinct.length} labels: give up to ${MAX_LABELS}`);
  return distinct;
}

function consentColumns(consent: Consent | null) {
  const { basis, recordedAt, expiresAt } = consent ?? {};
  const recorded = consent ? (recordedAt ?? new Date()) : null;
  if (recorded && expiresAt && expiresAt <= recorded)
    throw new FacegraphError('InvalidInput', 'consent.expiresAt is not after recordedAt');
  return {
    consentBasis: basis == null ? null : named(basis, 'consent.basis'),
    consentRecordedAt: recorded,
    consentExpiresAt: expiresAt ?? null,
  };
}

// Prisma hands the text to LIKE as it is, where % and _ stand for others.
function pattern(text: string): string {
  return named(text).replace(/[\\%_]/g, '\\$&');
}
