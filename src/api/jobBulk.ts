import { createHash } from 'node:crypto';
import { FacegraphError } from '../errors.ts';
import { enrolInBulk } from '../faces/jobs/bulk.ts';
import type { BulkSource as Source } from '../faces/jobs/photographs.ts';
import { builder } from './builder.ts';
import {
  GalleryNotFound,
  IdempotencyKeyReused,
  InvalidInput,
  ModelUnavailable,
} from './failures.ts';
import { GalleryBy, galleryBy } from './gallery.ts';
import { IDEMPOTENCY, once, still } from './idempotency.ts';
import { ImageInput, readImageBytes } from './image.ts';

const BulkUpload = builder.inputType('BulkUpload', {
  description: 'A photograph and whom it shows: by external id where one is given, else by name.',
  fields: (t) => ({
    image: t.field({ type: ImageInput, required: true, description: 'It shows one face.' }),
    name: t.string({ description: '1 to 200 characters. A new person is called so.' }),
    externalId: t.string({ description: "The person's key in your own system." }),
  }),
});

const BulkSource = builder.inputType('BulkSource', {
  description:
    'Where the photographs come from, by one of the three; JPEG or PNG, 10 MB each unless the server is set otherwise, 50,000 a job.',
  isOneOf: true,
  fields: (t) => ({
    uploads: t.field({ type: [BulkUpload], description: 'Photographs sent one by one.' }),
    archive: t.field({
      type: 'File',
      description:
        'A zip, tar or tar.gz, as a file part of a multipart request of at most 28 MB; 256 MB unpacked, 50,000 entries. The folder that a photograph lies in is called like the person (`Name/photo.jpg`); without a folder the file is (`Name (1).jpg`).',
    }),
    directory: t.string({
      description:
        'A folder below `FACEGRAPH_IMPORT_DIR` of the server, laid out as `Name/*.jpg` or `Name (1).jpg`. Every process that has that variable must see the same files there.',
    }),
  }),
});

builder.mutationField('enrolInBulk', (t) =>
  t.prismaField({
    type: 'Job',
    description:
      'Makes a job that enrols many photographs of one face each. Persons of that external id or name are used, others made. A photograph that cannot be used is refused and stops nothing. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    errors: { types: [GalleryNotFound, ModelUnavailable, InvalidInput, IdempotencyKeyReused] },
    args: {
      gallery: t.arg({ type: GalleryBy, required: true, description: 'Where to.' }),
      source: t.arg({ type: BulkSource, required: true, description: 'The photographs.' }),
      allowSimilar: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Also takes faces of which the gallery has all but the same; else they are refused as `DuplicateFace`.',
      }),
      unknown: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Stores every face of every photograph as nobody’s, whatever the source says of people; `cluster` proposes people out of them.',
      }),
      dryRun: t.arg.boolean({
        required: true,
        defaultValue: false,
        description:
          'Looks at every photograph and refuses what an enrolment would, item by item, but stores no face and no person. Two photographs of the job are not compared with each other.',
      }),
      ...IDEMPOTENCY,
    },
    resolve: async (query, _root, { source, ...args }, context) => {
      const { gallery, allowSimilar, unknown, dryRun } = args;
      const read = await readSource(source);
      const request = { ...args, source: shown(read) };
      const { id } = await once(context, 'enrolInBulk', request, (service) =>
        enrolInBulk(service, context.key!.id, galleryBy(gallery), read, {
          allowSimilar,
          unknown,
          dryRun,
        }),
      );
      return still(await context.db.job.findUnique({ ...query, where: { id } }));
    },
  }),
);

// What tells one source from another, without the photographs.
function shown(source: Source): unknown {
  if ('directory' in source) return source;
  if ('archive' in source) return { archive: sha256(source.archive) };
  return source.uploads.map(({ content, ...upload }) => ({
    ...upload,
    content: content instanceof FacegraphError ? content.code : sha256(content),
  }));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function readSource(source: typeof BulkSource.$inferInput): Promise<Source> {
  const { uploads, archive, directory } = source;
  if (uploads) return { uploads: await Promise.all(uploads.map(readUpload)) };
  if (directory != null) return { directory };
  // The scalar lets anything through, as in `readImageBytes`.
  if (typeof archive?.arrayBuffer !== 'function')
    throw new FacegraphError('InvalidInput', 'source.archive is not a file part of the request');
  return { archive: new Uint8Array(await archive.arrayBuffer()) };
}

async function readUpload(
  { image, name, externalId }: typeof BulkUpload.$inferInput,
  index: number,
) {
  const content = await readImageBytes(image).catch((error: unknown) => {
    if (error instanceof FacegraphError) return error;
    throw error;
  });
  return { file: image.file?.name ?? `upload ${index}`, name, externalId, content };
}
