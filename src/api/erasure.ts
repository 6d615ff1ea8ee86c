import type { ErasureCounts } from '../faces/gallery/eraseData.ts';
import { eraseIdentity, receiptJson } from '../faces/gallery/eraseIdentity.ts';
import { builder, pageCost } from './builder.ts';
import type { Context } from './context.ts';
import { IdentityNotFound, InvalidInput } from './failures.ts';
import { IdentityNode } from './identity.ts';

const Counts = builder.objectRef<ErasureCounts>('ErasureCounts').implement({
  description: 'How many of each kind an erasure removed.',
  fields: (t) => ({
    identities: t.exposeInt('identities', { description: 'People.' }),
    faces: t.exposeInt('faces', { description: 'Enrolled faces.' }),
    embeddings: t.exposeInt('embeddings', { description: 'Embeddings of the faces.' }),
    images: t.exposeInt('images', { description: 'Stored photographs that show nobody else.' }),
    tokens: t.exposeInt('tokens', { description: 'Tokens of faces of the photographs.' }),
    jobItems: t.exposeInt('jobItems', {
      description: 'Items of jobs, which forgot their file and whom it showed.',
    }),
    searchResults: t.exposeInt('searchResults', {
      description: 'Results of logged searches, which forgot whom they found.',
    }),
    edits: t.exposeInt('edits', { description: 'Edits that mentioned the person.' }),
    idempotencyKeys: t.exposeInt('idempotencyKeys', {
      description: 'Remembered requests about the person.',
    }),
    maskReports: t.int({
      description: 'What mask reports, done or under way, held of the person: rows.',
      resolve: ({ maskReports = 0 }) => maskReports,
    }),
  }),
});

builder.prismaObject('Erasure', {
  authScopes: { $any: { galleryWrite: true, audit: true } },
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Of the erasure, not of the person.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was done.' }),
    counts: t.field({
      type: Counts,
      description: 'What was removed.',
      resolve: ({ counts }) => counts as ErasureCounts,
    }),
    receipt: t.string({
      description: 'What to file: id, gallery, time and counts as canonical JSON.',
      resolve: receiptJson,
    }),
    hash: t.exposeString('hash', {
      description: 'SHA-256 of `receipt` in hexadecimal. The server keeps it.',
    }),
  }),
});

builder.queryFields((t) => ({
  erasures: t.prismaConnection(
    {
      type: 'Erasure',
      cursor: 'id',
      description:
        'Erasures in the galleries that the key may use, newest first. They tell not of whom. Scope `audit`.',
      authScopes: { audit: true },
      complexity: pageCost,
      totalCount: (_root, _args, context) => context.db.erasure.count({ where: seen(context) }),
      resolve: (query, _root, _args, context) =>
        context.db.erasure.findMany({
          ...query,
          where: seen(context),
          orderBy: [{ at: 'desc' }, { id: 'asc' }],
        }),
    },
    { name: 'ErasureConnection' },
    { name: 'ErasureEdge' },
  ),
}));

builder.mutationFields((t) => ({
  eraseIdentity: t.prismaField({
    type: 'Erasure',
    description:
      'Removes a person with everything that tells of them, and answers a receipt. Copies of the database are not reached. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [IdentityNotFound, InvalidInput] },
    args: {
      id: t.arg.globalID({ required: true, for: [IdentityNode], description: 'Whom.' }),
      confirmName: t.arg.string({
        required: true,
        description: "The person's name once more, against a wrong id.",
      }),
    },
    resolve: async (query, _root, { id, confirmName }, context) => {
      const erasure = await eraseIdentity(context, id.id, confirmName);
      return context.db.erasure.findUniqueOrThrow({ ...query, where: { id: erasure.id } });
    },
  }),
}));

// An erasure outlives its gallery, so there may be no gallery to ask.
function seen({ galleries }: Context) {
  return galleries ? { galleryId: { in: [...galleries] } } : {};
}
