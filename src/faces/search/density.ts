/** A face to be grouped. */
export interface Item {
  readonly id: string;
  /** The photograph it is from: two faces of one are two people. */
  readonly photograph: string;
}

/** Two faces within reach of each other, each by its place in the list of items. */
export interface Link {
  readonly a: number;
  readonly b: number;
  /** Cosine distance. */
  readonly distance: number;
}

/**
 * Density clustering (DBSCAN) with the constraint that no group has two faces of one photograph. A
 * face is a core when `minSize` faces, itself included, of as many photographs are within reach.
 * Links between cores join groups, the shortest first, unless a photograph would come in twice; then
 * each face that is no core joins the group of its nearest core in which its photograph is new. Ties
 * are broken by ids, so that the answer depends on neither the order of the items nor that of the links.
 * @param links every pair within reach, at least as `a`–`b` or as `b`–`a`.
 * @returns groups of `minSize` faces and more as places in `items`, largest first, each in the order of ids.
 */
export function densityGroups(
  items: readonly Item[],
  links: readonly Link[],
  minSize: number,
): number[][] {
  const apart = links.filter(({ a, b }) => items[a].photograph !== items[b].photograph);
  const cores = coresOf(items, apart, minSize);
  const groups = items.map((item, place) => ({
    members: [place],
    photographs: new Set([item.photograph]),
  }));
  const shortestFirst = apart
    .map(({ a, b, distance }) =>
      items[a].id < items[b].id ? { a, b, distance } : { a: b, b: a, distance },
    )
    .sort(
      (p, q) =>
        p.distance - q.distance ||
        compare(items[p.a].id, items[q.a].id) ||
        compare(items[p.b].id, items[q.b].id),
    );
  const join = (a: number, b: number) => {
    const [small, large] = [groups[a], groups[b]].sort(
      (p, q) => p.members.length - q.members.length,
    );
    if (small === large) return;
    for (const photograph of small.photographs) if (large.photographs.has(photograph)) return;
    for (const photograph of small.photographs) large.photographs.add(photograph);
    for (const member of small.members) {
      large.members.push(member);
      groups[member] = large;
    }
  };
  for (const { a, b } of shortestFirst) if (cores[a] && cores[b]) join(a, b);
  for (const { a, b } of shortestFirst) {
    const border = cores[a] ? b : a;
    // One that has joined is done: a border face does not tie two groups together.
    if (cores[a] !== cores[b] && groups[border].members.length === 1) join(a, b);
  }
  const byId = (p: number, q: number) => compare(items[p].id, items[q].id);
  return [...new Set(groups)]
    .filter(({ members }) => members.length >= minSize)
    .map(({ members }) => members.sort(byId))
    .sort((p, q) => q.length - p.length || byId(p[0], q[0]));
}

function coresOf(items: readonly Item[], links: readonly Link[], minSize: number): boolean[] {
  const photographs = items.map(({ photograph }) => new Set([photograph]));
  for (const { a, b } of links) {
    photographs[a].add(items[b].photograph);
    photographs[b].add(items[a].photograph);
  }
  return photographs.map(({ size }) => size >= minSize);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
