import type { MasksResult } from './evaluateMasks.ts';
import type { MaskErrors } from './maskFigures.ts';
import { percentFigure, type Row, speedRow } from './wording.ts';

/** The figures as rows: name and value with its 95 % interval. */
export function maskRows({ figures, dataset, failures, speed }: MasksResult): Row[] {
  return [
    ...figures.conditions.map(
      (condition): Row => [
        `${condition.name} (≤ ${condition.threshold.toFixed(3)})`,
        errorsText(condition),
      ],
    ),
    ...figures.groups.map((group): Row => [`  ${group.by} ${group.value}`, errorsText(group)]),
    [
      'a masked enrolment helps',
      `${figures.people.filter((person) => person.maskedEnrolmentHelps).length} of ${figures.people.filter(({ missedMasked }) => missedMasked > 0).length} people who are missed with a mask`,
    ],
    [
      'people',
      `${dataset.people} with ${dataset.probes} probes; ${dataset.peopleLeftOut} with fewer than two images left out`,
    ],
    [
      'failures to detect',
      `${failures.withoutFace.length + failures.unreadable.length} of ${dataset.images} images, ${failures.lostUnderMask.length} more under a mask`,
    ],
    speedRow(speed),
  ];
}

function errorsText({ fnmr, fmr, lost }: MaskErrors): string {
  const missing = lost > 0 ? `, ${lost} not detected` : '';
  return `FNMR ${percentFigure(fnmr)}, FMR ${percentFigure(fmr)}${missing}`;
}
