import type { Face, Landmarks as LandmarksShape, Point as PointShape } from '../engine/face.ts';
import { FacegraphError } from '../errors.ts';
import type { Quality as QualityShape } from '../faces/quality/quality.ts';
import { measureProbe, type Probe, type Upload } from '../faces/search/probe.ts';
import { keepFace, type Token } from '../faces/search/tokens.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';
import { Quality } from './quality.ts';

/** A face of an uploaded image and its place in the answer. */
export interface IndexedFace extends Face {
  readonly index: number;
  readonly quality: () => QualityShape;
  /** Keeps the face for later calls, once; null when it cannot be. */
  readonly token: () => Promise<Token | null>;
}

const Point = builder.objectRef<PointShape>('Point').implement({
  description: 'A point of the upright image (EXIF orientation applied), in pixels.',
  fields: (t) => ({
    x: t.float({ description: 'To the right.', resolve: ([x]) => x }),
    y: t.float({ description: 'Down.', resolve: ([, y]) => y }),
  }),
});

/** A rectangle around a face. */
export const Box = builder.objectRef<Face['box']>('Box').implement({
  description: 'A rectangle of the upright image, in whole pixels, clipped to the image.',
  fields: (t) => ({
    x: t.int({ description: 'Left edge.', resolve: ([x]) => x }),
    y: t.int({ description: 'Top edge.', resolve: ([, y]) => y }),
    width: t.int({ description: 'To the right of `x`.', resolve: ([, , width]) => width }),
    height: t.int({ description: 'Down from `y`.', resolve: ([, , , height]) => height }),
  }),
});

/** A rectangle as a client gives it. */
export const BoxInput = builder.inputType('BoxInput', {
  description: 'A rectangle of the upright image, in pixels.',
  fields: (t) => ({
    x: t.float({ required: true, description: 'Left edge.' }),
    y: t.float({ required: true, description: 'Top edge.' }),
    width: t.float({ required: true, description: 'To the right of `x`.' }),
    height: t.float({ required: true, description: 'Down from `y`.' }),
  }),
});

/** A rectangle as the engine has it. @throws FacegraphError `InvalidInput` when it is empty. */
export function boxOf({ x, y, width, height }: typeof BoxInput.$inferInput): Face['box'] {
  if (!(width > 0 && height > 0))
    throw new FacegraphError('InvalidInput', `a box of ${width} by ${height} holds nothing`);
  return [x, y, width, height];
}

/** The five points of a face. */
export const Landmarks = builder.objectRef<LandmarksShape>('Landmarks').implement({
  description: 'Five points of a face; left and right as the viewer sees them.',
  fields: (t) => ({
    leftEye: t.field({ type: Point, resolve: (l) => l.leftEye, description: 'Its centre.' }),
    rightEye: t.field({ type: Point, resolve: (l) => l.rightEye, description: 'Its centre.' }),
    nose: t.field({ type: Point, resolve: (l) => l.nose, description: 'Its tip.' }),
    mouthLeft: t.field({ type: Point, resolve: (l) => l.mouthLeft, description: 'Left corner.' }),
    mouthRight: t.field({
      type: Point,
      resolve: (l) => l.mouthRight,
      description: 'Right corner.',
    }),
  }),
});

/** One face of an uploaded image. */
export const DetectedFace = builder.objectRef<IndexedFace>('DetectedFace').implement({
  description: 'A face found in an uploaded image. It is not stored.',
  fields: (t) => ({
    index: t.exposeInt('index', {
      description:
        'Its place in the answer, from 0, most confident face first; `enrolFace` takes it.',
    }),
    box: t.field({ type: Box, description: 'Where the face is.', resolve: (f) => f.box }),
    landmarks: t.field({
      type: Landmarks,
      description: 'Eyes, nose and mouth.',
      resolve: (f) => f.landmarks,
    }),
    confidence: t.exposeFloat('confidence', {
      description: 'Probability that this is a face, 0 to 1.',
    }),
    quality: t.field({
      type: Quality,
      description: 'How well it can be recognised, and enrolled.',
      resolve: ({ quality }) => quality(),
    }),
    token: t.string({
      nullable: true,
      description:
        'Stands for the face in later calls by the same key, instead of the photograph. Asking for it keeps the pixels around the face on the server until `tokenExpiresAt`. Null for a face that came by a token, and for one of more than about 2000 pixels.',
      resolve: async ({ token }) => (await token())?.secret ?? null,
    }),
    tokenExpiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When `token` ends, ten minutes after the call; null without one.',
      resolve: async ({ token }) => (await token())?.expiresAt ?? null,
    }),
  }),
});

/** Where faces are to be seen. */
type Shown = Pick<Probe, 'image' | 'origin' | 'upload'>;

/** A whole photograph, to look at its faces. */
export function shownIn(upload: Upload): Shown {
  return { image: upload.image, origin: [0, 0], upload };
}

const answered = new WeakMap<readonly Face[], IndexedFace[]>();

/**
 * The faces of an answer with their places in it; one that came by a token gets none itself. Under
 * however many aliases a client asks for them, each is measured once and kept once.
 */
export function indexed(
  faces: readonly Face[],
  shown: Shown,
  context: Pick<Context, 'db' | 'key'>,
): IndexedFace[] {
  const made = answered.get(faces) ?? faces.map((face, i) => indexedFace(face, i, shown, context));
  answered.set(faces, made);
  return made;
}

function indexedFace(
  face: Face,
  index: number,
  shown: Shown,
  { db, key }: Pick<Context, 'db' | 'key'>,
): IndexedFace {
  let measured: QualityShape | undefined;
  let kept: Promise<Token | null> | undefined;
  const quality = () => {
    measured ??= measureProbe(shown, [face])[0];
    return measured;
  };
  const token = () => {
    const { upload } = shown;
    kept ??= upload && key ? keepFace(db, key.id, upload, face) : Promise.resolve(null);
    return kept;
  };
  return { ...face, index, quality, token };
}
