import { SEED_CLASSIFIER } from './seedCases.ts';
import type { Published, SeedResult, SeedVerification } from './seedResult.ts';

const CROP =
  'The article cuts the detector’s box without a margin and stretches it to 224 × 224; here the model card’s crop is used, which sees forehead and hair as well.';
const MODEL =
  'Distances of two models have different scales: the article’s thresholds belong to senet50 on tight boxes.';

/** The published behaviour beside ours. */
export function published(
  verification: readonly SeedVerification[],
  identification: SeedResult['identification'],
): Published[] {
  const of = (name: string, person: string, masked: boolean) =>
    verification.find((v) => v.case === name && v.person === person && v.masked === masked)!;
  const biden = of('Biden and Obama', 'Joe_Biden', true);
  const obama = of('Biden and Obama', 'Obama', true);
  const pairs = verification
    .filter(({ masked, distances }) => !masked && distances)
    .map((plain) => ({ plain, worn: of(plain.case, plain.person, true) }));
  const rises = pairs.map(
    ({ plain, worn }) =>
      `${plain.person} ${text(plain.distances?.own)} → ${text(worn.distances?.own)}`,
  );
  const risen = pairs.filter(
    ({ plain, worn }) => (worn.distances?.own ?? Infinity) > plain.distances!.own,
  );
  return [
    {
      what: 'A mask worsens every comparison (nearest picture of the same person, without → with)',
      published: 'all of them',
      here: `${risen.length} of ${pairs.length}: ${rises.join(', ')}`,
      why: 'The network was trained on whole faces, and the mask hides half of what it looks at.',
    },
    {
      what: 'Masked Biden and the nearest picture of somebody else at 0.6',
      published: 'matches a picture of Obama (0.552)',
      here: other(biden),
      why: `${MODEL} ${CROP}`,
    },
    {
      what: 'Masked Obama and the nearest picture of himself',
      published: '0.485',
      here: text(obama.distances?.own),
      why: `${MODEL} ${CROP}`,
    },
    {
      what: `Oprah Winfrey named by ${SEED_CLASSIFIER}, without → with a mask`,
      published: '98.8 % → 6.8 %',
      here: 'unavailable' in identification ? identification.unavailable : naming(identification),
      why: CROP,
    },
  ];
}

function other({ distances, matches }: SeedVerification): string {
  if (!distances) return 'no face found';
  const strangers = matches.at(-1)!.others;
  const said = strangers === 0 ? 'matches nobody else' : `matches ${strangers} pictures of others`;
  return `${said}; nearest ${distances.otherPerson} (${text(distances.other)}), himself ${text(distances.own)}`;
}

function naming(answers: Exclude<SeedResult['identification'], { unavailable: string }>): string {
  const share = (masked: boolean) => {
    const answer = answers.find((one) => one.name.startsWith('Oprah') && one.masked === masked);
    const found = answer?.names?.find(({ name }) => /oprah/i.test(name));
    return found ? `${(100 * found.probability).toFixed(1)} %` : 'not among the first five';
  };
  return `${share(false)} → ${share(true)}`;
}

function text(distance: number | undefined): string {
  return distance === undefined ? 'no face' : distance.toFixed(3);
}
