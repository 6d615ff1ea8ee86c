import type { Face } from '../engine/face.ts';

/** How much two boxes share: intersection over union of their areas in pixels, 0 to 1. */
export function overlap([ax, ay, aw, ah]: Face['box'], [bx, by, bw, bh]: Face['box']): number {
  const width = Math.max(0, Math.min(ax + aw, bx + bw) - Math.max(ax, bx));
  const height = Math.max(0, Math.min(ay + ah, by + bh) - Math.max(ay, by));
  const shared = width * height;
  return shared / (aw * ah + bw * bh - shared);
}
