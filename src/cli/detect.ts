import type { Command } from 'commander';
import type { Face, Point } from '../engine/face.ts';
import { openAlbum } from './album.ts';
import { eachPhotograph } from './batch.ts';
import { detectOptions, type PhotographOptions, photographOptions } from './options.ts';
import { block, boxText, counted, rounded } from './output.ts';
import { withEngine } from './session.ts';

// A file that could not be read has no size and no faces.
const BLANK = { width: 0, height: 0, faces: [] };

/** Adds the verb `detect`. */
export function registerDetect(program: Command): void {
  const command = program
    .command('detect')
    .description('find every face: box, confidence, five landmarks')
    .argument('<images...>', 'image files or folders');
  photographOptions(command).action(detect);
}

async function detect(paths: string[], options: PhotographOptions): Promise<void> {
  const album = await openAlbum(options.out);
  await withEngine((engine) =>
    eachPhotograph(paths, options.json === true, BLANK, async (photograph) => {
      const { path, image } = photograph;
      const faces = await engine.detect(image, detectOptions(options));
      await album?.faces(
        photograph,
        faces.map((face) => ({ face, label: face.confidence.toFixed(3) })),
      );
      const { width, height } = image;
      const rows = faces.map((face, i) => [
        `${i + 1}`,
        boxText(face),
        `confidence ${face.confidence.toFixed(4)}`,
      ]);
      return {
        value: { image: path, width, height, faces: faces.map(shape) },
        text: block(`${path}  ${width}×${height}, ${counted(faces.length, 'face')}`, rows),
      };
    }),
  );
  album?.end();
}

function shape({ box, confidence, landmarks }: Face): Face {
  const at = ([x, y]: Point): Point => [rounded(x, 2), rounded(y, 2)];
  return {
    box,
    confidence: rounded(confidence, 7),
    landmarks: {
      leftEye: at(landmarks.leftEye),
      rightEye: at(landmarks.rightEye),
      nose: at(landmarks.nose),
      mouthLeft: at(landmarks.mouthLeft),
      mouthRight: at(landmarks.mouthRight),
    },
  };
}
