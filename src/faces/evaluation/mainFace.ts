import type { Embedded } from './reader.ts';

/**
 * The face that LFW means by a picture: large and near its middle, where a box's area weighs against
 * twice the squared distance of the centres, as the authors of FaceNet choose it. Undefined without a face.
 */
export function centralFace({
  width,
  height,
  faces,
}: Embedded): Embedded['faces'][number] | undefined {
  return best(faces, ([x, y, w, h]) => {
    const off = (x + w / 2 - width / 2) ** 2 + (y + h / 2 - height / 2) ** 2;
    return w * h - 2 * off;
  });
}

/** The face of the largest box, as who takes a picture of somebody means it. Undefined without a face. */
export function largestFace({ faces }: Embedded): Embedded['faces'][number] | undefined {
  return best(faces, ([, , w, h]) => w * h);
}

function best(
  faces: Embedded['faces'],
  merit: (box: Embedded['faces'][number]['face']['box']) => number,
): Embedded['faces'][number] | undefined {
  return [...faces].sort((a, b) => merit(b.face.box) - merit(a.face.box))[0];
}
