import { FacegraphError } from '../errors.ts';
import {
  type Enrolment,
  enrolFaces,
  type Rehearsed,
  rehearseEnrolment,
} from '../faces/gallery/enrol.ts';
import { visible } from '../faces/gallery/store.ts';
import { builder, IMAGE_COST } from './builder.ts';
import * as failures from './failures.ts';
import { GalleryBy, galleryBy } from './gallery.ts';
import { IDEMPOTENCY, once, still } from './idempotency.ts';
import { IdentityNode } from './identity.ts';
import { ImageInput, readFace, shownBy } from './image.ts';
import { personFields } from './person.ts';
import { BoxInput, boxOf, DetectedFace, indexed } from './picture.ts';
import { QualityRefusalType } from './quality.ts';
import { QUALITY_FAILURES } from './qualityFailures.ts';

const NewIdentity = builder.inputType('NewIdentity', {
  description: 'A person to be entered into a gallery.',
  fields: (t) => ({
    gallery: t.field({ type: GalleryBy, required: true, description: 'Where to.' }),
    ...personFields(t),
  }),
});

/** Whose a face is. */
export const EnrolIdentity = builder.inputType('EnrolIdentity', {
  description: 'Whose face it is, by one of the two.',
  isOneOf: true,
  fields: (t) => ({
    id: t.globalID({ for: [IdentityNode], description: 'A person of a gallery.' }),
    new: t.field({ type: NewIdentity, description: 'Somebody new, entered with the face.' }),
  }),
});

const INDEX = 'Index of the face among several, as in `MultipleFacesFound` and `detect`.';
const BOX = 'About where the face is, instead of its index: it shares half of its area at least.';

const FaceToEnrol = builder.inputType('FaceToEnrol', {
  description: 'One face of a photograph; it needs an index or a box where there are several.',
  fields: (t) => ({
    identity: t.field({ type: EnrolIdentity, required: true, description: 'Whose face it is.' }),
    face: t.int({ description: INDEX }),
    box: t.field({ type: BoxInput, description: BOX }),
  }),
});

const ENROL_ARGS = builder.args((t) => ({
  image: t.field({
    type: ImageInput,
    required: true,
    description: 'The photograph, or a face of it.',
  }),
  allowSimilar: t.boolean({
    required: true,
    defaultValue: false,
    description: 'Also enrol a face of which the gallery has all but the same.',
  }),
  dryRun: t.boolean({
    required: true,
    defaultValue: false,
    description:
      'Measures and compares the faces and answers a `DryRun`; nothing is stored. Idempotency keys are left alone.',
  }),
}));

const RehearsedFace = builder.objectRef<Rehearsed>('RehearsedFace').implement({
  description: 'What would become of a face.',
  fields: (t) => ({
    face: t.field({
      type: DetectedFace,
      description: 'Where it is, and its quality.',
      resolve: ({ probe, face }, _args, context) =>
        indexed(probe.faces, probe, context)[probe.faces.indexOf(face)],
    }),
    refusals: t.field({
      type: [QualityRefusalType],
      description:
        'Every limit of the gallery that it breaks; of these an enrolment answers the first. Empty: it is good enough.',
      resolve: ({ refusals }) => [...refusals],
    }),
    similar: t.prismaField({
      type: 'Face',
      nullable: true,
      description:
        'The face of the gallery that is all but the same, which an enrolment answers as `DuplicateFace` unless `allowSimilar`.',
      resolve: (query, { similar }, _args, { db }) =>
        similar ? db.face.findUnique({ ...query, where: { id: similar.faceId } }) : null,
    }),
  }),
});

// The plugin makes unions of one success and of errors. So the other success comes as an error, too.
class DryRun extends Error {
  readonly faces: readonly Rehearsed[];

  constructor(faces: readonly Rehearsed[]) {
    super('a dry run');
    this.faces = faces;
  }
}
builder.objectType(DryRun, {
  name: 'DryRun',
  description: 'What an enrolment would come to. Nothing was stored.',
  fields: (t) => ({
    faces: t.field({
      type: [RehearsedFace],
      description: 'In the order of the call.',
      resolve: ({ faces }) => [...faces],
    }),
  }),
});

const ENROL_FAILURES = [
  DryRun,
  ...QUALITY_FAILURES,
  failures.NoFaceFound,
  failures.MultipleFacesFound,
  failures.DuplicateFace,
  failures.GalleryNotFound,
  failures.IdentityNotFound,
  failures.NameTaken,
  failures.TokenInvalid,
  failures.ModelMismatch,
  failures.ModelUnavailable,
  failures.IdempotencyKeyReused,
  ...failures.IMAGE_FAILURES,
];

const EnrolledFaces = builder.objectRef<readonly string[]>('EnrolledFaces').implement({
  description: 'The faces of one photograph that were enrolled.',
  fields: (t) => ({
    faces: t.prismaField({
      type: ['Face'],
      description: 'In the order of the call.',
      resolve: async (query, ids, _args, { db }) => {
        const rows = await db.face.findMany({ ...query, where: { id: { in: [...ids] } } });
        return rows.sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
      },
    }),
  }),
});

builder.mutationFields((t) => ({
  enrolFace: t.prismaField({
    type: 'Face',
    description:
      'Stores the embedding of one face of a photograph; `identify` finds it from then on. The photograph is stored only where the gallery keeps images. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    complexity: { field: IMAGE_COST },
    errors: { types: ENROL_FAILURES },
    args: {
      identity: t.arg({ type: EnrolIdentity, required: true, description: 'Whose face it is.' }),
      face: t.arg.int({ description: INDEX }),
      box: t.arg({ type: BoxInput, description: BOX }),
      ...ENROL_ARGS,
      ...IDEMPOTENCY,
    },
    resolve: async (query, _root, { image, ...args }, context) => {
      const enrolments = [enrolmentOf(args)];
      const upload = await readFace(image, context);
      if (args.dryRun) throw new DryRun(await rehearseEnrolment(context, upload, enrolments));
      const request = { ...args, image: shownBy(upload) };
      const [{ id }] = await once(context, 'enrolFace', request, (service) =>
        enrolFaces(service, upload, enrolments, args),
      );
      const where = { id, gallery: visible(context) };
      return still(await context.db.face.findUnique({ ...query, where }));
    },
  }),
  enrolFaces: t.field({
    type: EnrolledFaces,
    description:
      'Enrols several faces of one photograph into one gallery: all of them or, when one is refused, none. Scope `gallery:write`.',
    authScopes: { galleryWrite: true },
    complexity: { field: IMAGE_COST },
    errors: { types: ENROL_FAILURES },
    args: {
      faces: t.arg({ type: [FaceToEnrol], required: true, description: 'Up to 100 of its faces.' }),
      ...ENROL_ARGS,
      ...IDEMPOTENCY,
    },
    resolve: async (_root, { image, ...args }, context) => {
      const enrolments = args.faces.map(enrolmentOf);
      const upload = await readFace(image, context);
      if (args.dryRun) throw new DryRun(await rehearseEnrolment(context, upload, enrolments));
      const request = { ...args, image: shownBy(upload) };
      const enrolled = await once(context, 'enrolFaces', request, (service) =>
        enrolFaces(service, upload, enrolments, args),
      );
      const ids = enrolled.map(({ id }) => id);
      const where = { id: { in: ids }, gallery: visible(context) };
      return still((await context.db.face.count({ where })) === ids.length ? ids : null);
    },
  }),
}));

function enrolmentOf({ identity, face, box }: typeof FaceToEnrol.$inferInput): Enrolment {
  return { identity: enrolIdentity(identity), index: face, box: box && boxOf(box) };
}

/** The domain's way to say the same. @throws FacegraphError `InvalidInput`. */
export function enrolIdentity(input: typeof EnrolIdentity.$inferInput): Enrolment['identity'] {
  if (input.id) return { id: input.id.id };
  if (!input.new) throw new FacegraphError('InvalidInput', 'identity needs id or new');
  return { gallery: galleryBy(input.new.gallery), new: input.new };
}
