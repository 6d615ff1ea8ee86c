import type { Profile, StepProfile } from './profile.ts';

/** A stretch of the middle run: a step, or everything whose names begin alike. Milliseconds. */
export interface Frame {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
  readonly children: readonly Frame[];
  /** Of a leaf. */
  readonly step?: StepProfile;
}

interface Named {
  readonly path: readonly string[];
  readonly step: StepProfile;
}

/** The middle run as nested frames: sections, blocks of layers, steps. */
export function frames({ steps }: Pick<Profile, 'steps'>): Frame[] {
  return nested(steps.map((step) => ({ path: [step.section, ...pathOf(step.name)], step })));
}

// At slashes, and behind the number of a residual block: conv4_2_3x3.
function pathOf(name: string): string[] {
  return name.split(/\/|(?<=^conv\d_\d+)_/);
}

/** Steps that follow each other and begin alike are one frame. */
function nested(steps: readonly Named[]): Frame[] {
  const runs: Named[][] = [];
  for (const named of steps) {
    const last = runs.at(-1);
    const joins = last?.[0].path[0] === named.path[0] && named.path.length > 1;
    if (last && joins && last[0].path.length > 1) last.push(named);
    else runs.push([named]);
  }
  return runs.map((run): Frame => {
    const [{ path, step }] = run;
    const last = run.at(-1)!.step;
    const place = { begin: step.begin, end: last.begin + last.took };
    if (run.length === 1) return { name: path.join('/'), ...place, children: [], step };
    const inner = run.map((named) => ({ ...named, path: named.path.slice(1) }));
    return { name: path[0], ...place, children: nested(inner) };
  });
}
