import { FacegraphError } from '../errors.ts';
import {
  type Edited,
  mergeIdentities,
  type Receiver,
  reassignFace,
  splitIdentity,
  unassignFaces,
} from '../faces/gallery/edits.ts';
import type { Snapshot } from '../faces/gallery/snapshot.ts';
import { visible } from '../faces/gallery/store.ts';
import { undoEdit } from '../faces/gallery/undoEdit.ts';
import type { Edit, Identity } from '../generated/prisma/client.ts';
import { EditKind } from '../generated/prisma/enums.ts';
import { within } from './arguments.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';
import { FaceNode } from './face.ts';
import * as failures from './failures.ts';
import { IDEMPOTENCY, once, still } from './idempotency.ts';
import { IdentityNode } from './identity.ts';
import { NewPerson } from './person.ts';

const Kind = builder.enumType('EditKind', {
  description: 'What an edit did.',
  values: {
    REASSIGN: { value: EditKind.REASSIGN, description: 'Gave a face to another person.' },
    MERGE: { value: EditKind.MERGE, description: 'Made two people one.' },
    SPLIT: { value: EditKind.SPLIT, description: 'Made somebody new of some faces of a person.' },
    UNASSIGN: { value: EditKind.UNASSIGN, description: "Made faces of a person nobody's." },
  },
});

/** A correction that can be undone. */
export const EditNode = builder.prismaNode('Edit', {
  id: { field: 'id', description: 'Node id.' },
  nullable: true,
  findUnique: (id, context) => ({ id, gallery: visible(context) }),
  authScopes: { $any: { galleryRead: true, galleryWrite: true } },
  fields: (t) => ({
    kind: t.field({ type: Kind, description: 'What it did.', resolve: ({ kind }) => kind }),
    from: t.globalID({
      nullable: true,
      description:
        "Id of the identity that had the faces; after a merge it leads nowhere. Null: they were nobody's.",
      resolve: ({ fromId: id }) => (id === null ? null : { type: 'Identity', id }),
    }),
    to: t.globalID({
      nullable: true,
      description: "Id of the identity that got the faces; null: they are nobody's.",
      resolve: ({ toId: id }) => (id === null ? null : { type: 'Identity', id }),
    }),
    faces: t.globalIDList({
      description: 'Ids of the faces.',
      resolve: ({ faceIds }) => faceIds.map((id) => ({ type: 'Face', id })),
    }),
    removedName: t.string({
      nullable: true,
      description: 'What the person was called that a merge removed.',
      resolve: ({ removed }) => (removed as Snapshot | null)?.name ?? null,
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was made.' }),
    undoneAt: t.expose('undoneAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was undone.',
    }),
  }),
});

const EditedIdentity = builder
  .objectRef<{ edit: Edit; identity: Identity }>('EditedIdentity')
  .implement({
    description: 'What an edit came to.',
    fields: (t) => ({
      edit: t.field({
        type: EditNode,
        description: 'The edit: `undoEdit` takes its id.',
        resolve: ({ edit }) => edit,
      }),
      identity: t.field({
        type: IdentityNode,
        description: 'Whose the faces are now.',
        resolve: ({ identity }) => identity,
      }),
    }),
  });

const UnassignedFaces = builder.objectRef<readonly string[]>('UnassignedFaces').implement({
  description: "What became nobody's.",
  fields: (t) => ({
    edits: t.prismaField({
      type: ['Edit'],
      description: 'One for each person: `undoEdit` takes its id.',
      resolve: (query, ids, _args, { db }) =>
        db.edit.findMany({ ...query, where: { id: { in: [...ids] } }, orderBy: { id: 'asc' } }),
    }),
  }),
});

const FaceReceiver = builder.inputType('FaceReceiver', {
  description: 'Whom a face is given to, by one of the two.',
  isOneOf: true,
  fields: (t) => ({
    id: t.globalID({ for: [IdentityNode], description: 'A person of the same gallery.' }),
    new: t.field({ type: NewPerson, description: 'Somebody new.' }),
  }),
});

builder.mutationFields((t) => ({
  reassignFace: t.field({
    type: EditedIdentity,
    description:
      'Gives a face, of somebody or nobody, to another person of its gallery. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: {
      types: [
        failures.FaceNotFound,
        failures.IdentityNotFound,
        failures.NameTaken,
        failures.InvalidInput,
        failures.IdempotencyKeyReused,
      ],
    },
    args: {
      face: t.arg.globalID({ required: true, for: [FaceNode], description: 'Which one.' }),
      to: t.arg({ type: FaceReceiver, required: true, description: 'Whose it is.' }),
      ...IDEMPOTENCY,
    },
    resolve: async (_root, args, context) =>
      answer(
        context,
        await once(context, 'reassignFace', args, (service) =>
          reassignFace(service, args.face.id, receiver(args.to)),
        ),
      ),
  }),
  mergeIdentities: t.field({
    type: EditedIdentity,
    description:
      'Makes two people of a gallery one: `into` gets the faces and, besides its own, the labels of `from`, which goes. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: {
      types: [failures.IdentityNotFound, failures.InvalidInput, failures.IdempotencyKeyReused],
    },
    args: {
      from: t.arg.globalID({ required: true, for: [IdentityNode], description: 'Who goes.' }),
      into: t.arg.globalID({ required: true, for: [IdentityNode], description: 'Who stays.' }),
      ...IDEMPOTENCY,
    },
    resolve: async (_root, args, context) =>
      answer(
        context,
        await once(context, 'mergeIdentities', args, (service) =>
          mergeIdentities(service, args.from.id, args.into.id),
        ),
      ),
  }),
  splitIdentity: t.field({
    type: EditedIdentity,
    description: 'Makes somebody new of some faces of a person. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: {
      types: [
        failures.IdentityNotFound,
        failures.FaceNotFound,
        failures.NameTaken,
        failures.InvalidInput,
        failures.IdempotencyKeyReused,
      ],
    },
    args: {
      identity: t.arg.globalID({
        required: true,
        for: [IdentityNode],
        description: 'Whose faces they are.',
      }),
      faces: t.arg.globalIDList({
        required: true,
        for: [FaceNode],
        description: 'The faces of somebody else among them, one at least.',
      }),
      new: t.arg({ type: NewPerson, required: true, description: 'Whose they become.' }),
      ...IDEMPOTENCY,
    },
    resolve: async (_root, args, context) =>
      answer(
        context,
        await once(context, 'splitIdentity', args, (service) =>
          splitIdentity(
            service,
            args.identity.id,
            args.faces.map(({ id }) => id),
            args.new,
          ),
        ),
      ),
  }),
  unassignFaces: t.field({
    type: UnassignedFaces,
    description:
      "Takes faces from their people without deleting them: they become nobody's, and `identify` does not find them. `undoEdit` brings them back. Scope `gallery:write`.",
    authScopes: { galleryWrite: true },
    errors: {
      types: [failures.FaceNotFound, failures.InvalidInput, failures.IdempotencyKeyReused],
    },
    args: {
      faces: t.arg.globalIDList({
        required: true,
        for: [FaceNode],
        description: 'Faces of people of one gallery, 1 to 1000.',
      }),
      ...IDEMPOTENCY,
    },
    resolve: async (_root, args, context) => {
      within('number of faces', args.faces.length, 1, 1000);
      const ids = args.faces.map(({ id }) => id);
      const { edits } = await once(context, 'unassignFaces', args, (service) =>
        unassignFaces(service, ids),
      );
      const where = { id: { in: [...edits] }, gallery: visible(context) };
      return still((await context.db.edit.count({ where })) === edits.length ? edits : null);
    },
  }),
  undoEdit: t.prismaField({
    type: 'Edit',
    description:
      'Takes an edit back, exactly, unless its faces or people were changed since. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [failures.EditNotFound, failures.EditConflict] },
    args: {
      id: t.arg.globalID({ required: true, for: [EditNode], description: 'Which one.' }),
    },
    resolve: async (query, _root, { id: { id } }, context) => {
      await undoEdit(context, id);
      return context.db.edit.findUniqueOrThrow({ ...query, where: { id } });
    },
  }),
}));

function receiver(input: typeof FaceReceiver.$inferInput): Receiver {
  if (input.id) return { id: input.id.id };
  if (!input.new) throw new FacegraphError('InvalidInput', 'to needs id or new');
  return { new: input.new };
}

async function answer(context: Context, { edit, identity }: Edited) {
  const gallery = visible(context);
  const [editRow, identityRow] = await Promise.all([
    context.db.edit.findUnique({ where: { id: edit, gallery } }),
    context.db.identity.findUnique({ where: { id: identity, gallery } }),
  ]);
  return { edit: still(editRow), identity: still(identityRow) };
}
