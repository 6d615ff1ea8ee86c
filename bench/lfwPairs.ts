/** Two files under `images/` and whether they show one person. */
export interface Pair {
  readonly a: string;
  readonly b: string;
  readonly same: boolean;
}

export interface Score {
  /** Mean over ten folds, each judged at the best threshold of the other nine. */
  readonly accuracy: number;
  /** Standard deviation over the folds. */
  readonly deviation: number;
  /** Best cosine distance over all pairs, and the errors it makes. */
  readonly threshold: number;
  readonly falseMatches: number;
  readonly falseNonMatches: number;
}

const FOLDS = 10;

/** The lines of LFW's pairs files: `Name i j` or `NameA i NameB j`; a count in front is skipped. */
export function parsePairs(text: string): Pair[] {
  return text.split(/\r?\n/).flatMap((line): Pair[] => {
    const fields = line.split('\t');
    if (fields.length === 3) {
      const [name, i, j] = fields;
      return [{ a: file(name, i), b: file(name, j), same: true }];
    }
    if (fields.length === 4) {
      const [nameA, i, nameB, j] = fields;
      return [{ a: file(nameA, i), b: file(nameB, j), same: false }];
    }
    return [];
  });
}

/** Accuracy by cosine distance; a pair with a file that has no embedding counts as different. */
export function score(
  pairs: readonly Pair[],
  embedding: (file: string) => Float32Array | undefined,
): Score {
  const judged = (same: boolean) =>
    pairs
      .filter((pair) => pair.same === same)
      .map(({ a, b }, i) => ({
        same,
        distance: distance(embedding(a), embedding(b)),
        fold: i % FOLDS,
      }));
  const all = [...judged(true), ...judged(false)];
  const accuracies = Array.from({ length: FOLDS }, (_, fold) => {
    const threshold = best(all.filter((pair) => pair.fold !== fold));
    const own = all.filter((pair) => pair.fold === fold);
    return own.filter((pair) => pair.distance <= threshold === pair.same).length / own.length;
  });
  const mean = accuracies.reduce((sum, v) => sum + v, 0) / FOLDS;
  const variance = accuracies.reduce((sum, v) => sum + (v - mean) ** 2, 0) / FOLDS;
  const threshold = best(all);
  return {
    accuracy: mean,
    deviation: Math.sqrt(variance),
    threshold,
    falseMatches: all.filter((pair) => !pair.same && pair.distance <= threshold).length,
    falseNonMatches: all.filter((pair) => pair.same && pair.distance > threshold).length,
  };
}

/** The distance that parts same from different with fewest errors, midway between two pairs. */
function best(all: readonly { distance: number; same: boolean }[]): number {
  const sorted = all.filter((pair) => pair.distance < Infinity);
  sorted.sort((a, b) => a.distance - b.distance);
  let right = 0;
  let most = 0;
  let threshold = 0;
  sorted.forEach((pair, i) => {
    right += pair.same ? 1 : -1;
    if (right <= most) return;
    most = right;
    threshold = (pair.distance + (sorted[i + 1]?.distance ?? pair.distance)) / 2;
  });
  return threshold;
}

function distance(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (!a || !b) return Infinity;
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] ** 2;
    bb += b[i] ** 2;
  }
  return 1 - dot / Math.sqrt(aa * bb);
}

function file(name: string, index: string): string {
  return `${name}/${name}_${index.padStart(4, '0')}.jpg`;
}
