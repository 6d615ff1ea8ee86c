import type { Face } from '../engine/face.ts';
import type { Upload } from '../faces/search/probe.ts';
import { detectOptions } from './arguments.ts';
import { builder, IMAGE_COST } from './builder.ts';
import { IMAGE_FAILURES } from './failures.ts';
import { ImageInput, readImage } from './image.ts';
import { DetectedFace, indexed, shownIn } from './picture.ts';

/** How hard to look for faces. */
const DetectOptions = builder.inputType('DetectOptions', {
  description: 'How hard to look. The defaults are those of MTCNN and right for most photographs.',
  fields: (t) => ({
    minFaceSize: t.int({
      description: 'Shorter side of the smallest face looked for, in pixels, from 12. Default 20.',
    }),
    thresholds: t.floatList({
      description: 'Acceptance probability of the three networks. Default [0.6, 0.7, 0.7].',
    }),
    scaleFactor: t.float({
      description: 'Ratio between the sizes looked at, 0.3 to 0.95. Default 0.709.',
    }),
  }),
});

const Detection = builder
  .objectRef<{ upload: Upload; faces: readonly Face[] }>('Detection')
  .implement({
    description: 'The faces of one image.',
    fields: (t) => ({
      width: t.int({
        description: 'Of the upright image, in pixels.',
        resolve: ({ upload: { image } }) => image.width,
      }),
      height: t.int({
        description: 'Of the upright image, in pixels.',
        resolve: ({ upload: { image } }) => image.height,
      }),
      faces: t.field({
        type: [DetectedFace],
        description: 'Most confident first; empty when there is none.',
        resolve: ({ faces, upload }, _args, context) => indexed(faces, shownIn(upload), context),
      }),
    }),
  });

builder.queryFields((t) => ({
  detect: t.field({
    type: Detection,
    description: 'Every face of an image. Scope `detect`.',
    authScopes: { detect: true },
    complexity: { field: IMAGE_COST },
    errors: { types: IMAGE_FAILURES },
    args: {
      image: t.arg({ type: ImageInput, required: true, description: 'The photograph.' }),
      options: t.arg({ type: DetectOptions, description: 'How hard to look.' }),
    },
    resolve: async (_root, { image: input, options }, context) => {
      const checked = detectOptions(options);
      const upload = await readImage(input, context);
      return { upload, faces: await context.engine.detect(upload.image, checked) };
    },
  }),
}));
