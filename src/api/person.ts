import { builder } from './builder.ts';

/** Why a person's data may be held, as it was recorded. */
export const Consent = builder
  .objectRef<{ basis: string; recordedAt: Date; expiresAt: Date | null }>('Consent')
  .implement({
    description: "Why and how long a person's data may be held.",
    fields: (t) => ({
      basis: t.exposeString('basis', { description: 'E.g. a contract or a consent form.' }),
      recordedAt: t.expose('recordedAt', {
        type: 'DateTime',
        description: 'When it was recorded.',
      }),
      expiresAt: t.expose('expiresAt', {
        type: 'DateTime',
        nullable: true,
        description: 'From then on the data may not be held any more; null: no end.',
      }),
    }),
  });

/** What a client records as consent. */
export const ConsentInput = builder.inputType('ConsentInput', {
  description: "Why and how long a person's data may be held.",
  fields: (t) => ({
    basis: t.string({ required: true, description: '1 to 200 characters.' }),
    recordedAt: t.field({ type: 'DateTime', description: 'Now when absent.' }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'After `recordedAt`; no end when absent.',
    }),
  }),
});

const EXTERNAL_ID = "The person's key in your own system, unique in the gallery.";

const LABELS = 'Up to 50 words to find the person by.';
const CONSENT = 'Why the data may be held.';

/** What is said of a person besides the name, as arguments. */
export const PERSON_ARGS = builder.args((t) => ({
  externalId: t.string({ description: EXTERNAL_ID }),
  labels: t.stringList({ description: LABELS }),
  consent: t.field({ type: ConsentInput, description: CONSENT }),
}));

type InputFields = Parameters<Parameters<typeof builder.inputType>[1]['fields']>[0];

/** A person as part of an input. */
export const personFields = (t: InputFields) => ({
  name: t.string({ required: true, description: '1 to 200 characters.' }),
  externalId: t.string({ description: EXTERNAL_ID }),
  labels: t.stringList({ description: LABELS }),
  consent: t.field({ type: ConsentInput, description: CONSENT }),
});

/** A person to be entered into a gallery that is clear already. */
export const NewPerson = builder.inputType('NewPerson', {
  description: 'A person to be entered into the same gallery.',
  fields: personFields,
});

/** Which people a list shows. */
export const IdentityFilter = builder.inputType('IdentityFilter', {
  description: 'People of whom all that is given holds.',
  fields: (t) => ({
    name: t.string({ description: 'Part of the name, in whatever case.' }),
    label: t.string({ description: 'One of the labels.' }),
    externalId: t.string({ description: EXTERNAL_ID }),
  }),
});
