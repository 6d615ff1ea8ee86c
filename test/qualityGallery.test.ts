import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { encodePng } from '../src/engine/image/encode.ts';
import { storeCalibration } from '../src/faces/calibration/gallery.ts';
import { type Colour, fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { createGallery, enrolNew, rowId } from './api/gallery.ts';
import { type Answer, type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { zip } from './support/zipFixture.ts';

const { red, green, blue } = PEOPLE;
const ROSE: Colour = [215, 40, 40];
const REFUSAL = '... on QualityFailure { limitName value limit }';
const DRY = `... on DryRun { faces { face { index quality { sharpness } } refusals { code limitName value limit message } similar { id } } }`;
const ENROL = `mutation ($image: ImageInput!, $identity: EnrolIdentity!, $dryRun: Boolean! = false) {
  enrolFace(image: $image, identity: $identity, dryRun: $dryRun) {
    __typename ... on Face { id refusals { code } quality { score size sharpness yaw pitch roll brightness contrast dark bright outside confidence } }
    ${REFUSAL} ${DRY} ... on Failure { message } } }`;
const ENROL_MANY = `mutation ($image: ImageInput!, $faces: [FaceToEnrol!]!, $dryRun: Boolean! = false) {
  enrolFaces(image: $image, faces: $faces, dryRun: $dryRun) {
    __typename ... on EnrolledFaces { faces { id } } ${REFUSAL} ${DRY} ... on Failure { message } } }`;
const LIMITS = `mutation ($id: ID!, $quality: QualityLimitsInput) { updateGallery(id: $id, quality: $quality) {
  __typename ... on Gallery { quality { minSharpness minContrast minScore maxYaw } } ... on Failure { message } } }`;
const HEALTH = `query ($gallery: GalleryBy!, $after: String, $first: Int! = 20) { galleryHealth(gallery: $gallery) {
  __typename
  ... on GalleryHealth {
    unmeasured
    weakFaces { totalCount edges { node { id identity { name } refusals { code } } } }
    outliers { totalCount rule { ...judged } edges { node { cleanUp distance face { id } nearest { name } nearestDistance } } }
    confusable(first: $first, after: $after) { rule { ...judged } examined next pairs { cleanUp duplicate distance faceDistance faceA { id } faceB { id } a { name } b { name } } }
    withoutConsent { totalCount edges { node { name } } }
    singleFaced(first: 2) { totalCount edges { node { name } } pageInfo { hasNextPage endCursor } }
  } ... on Failure { message } } }
  fragment judged on DecisionRule { basis threshold comparisons explanation }`;
const UNASSIGN = `mutation ($faces: [ID!]!) { unassignFaces(faces: $faces) {
  __typename ... on UnassignedFaces { edits { id kind to from faces } } ... on Failure { message } } }`;
const UNDO = `mutation ($id: ID!) { undoEdit(id: $id) { __typename ... on Failure { message } } }`;
const IDENTIFY = `query ($image: ImageInput!, $gallery: GalleryBy!) { identify(image: $image, gallery: $gallery) {
  __typename ... on Identification { faces { match { identity { name } } } } } }`;

/** A face without fine detail: only the top row, which has the colour, is sharp. */
function soft(...colours: readonly Colour[]): Uint8Array<ArrayBuffer> {
  const width = 64 * colours.length;
  const data = new Uint8Array(width * 64 * 3);
  for (let i = 0; i < width * 64; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const light = 128 + 60 * Math.sin((x % 64) / 12) * Math.sin(y / 12);
    data.set(y === 0 ? colours[Math.floor(x / 64)] : [light, light, light], i * 3);
  }
  return new Uint8Array(encodePng({ width, height: 64, data }));
}

describe('the quality gate of a gallery', () => {
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(fakeEngine(), { directory: directory.path });
  });
  afterAll(async () => {
    await api?.close();
    await closeDecoder();
    await directory.remove();
  });

  const counts = async () => {
    const { client: db } = api.database;
    return [await db.face.count(), await db.identity.count(), await db.idempotencyKey.count()];
  };
  const ask = async (query: string, variables: object, image?: Uint8Array<ArrayBuffer>) => {
    const files = image && { 'image.file': image };
    const { data, errors } = await api.run(query, { variables: { ...variables }, files });
    expect(errors).toBeUndefined();
    return Object.values(data)[0] as Answer['data'];
  };
  const newcomer = (gallery: string, name = 'Somebody') => ({
    identity: { new: { gallery: { id: gallery }, name } },
  });

  it('refuses a blurred face with value and limit, and takes it where the gallery says so', async () => {
    const strict = await createGallery(api, 'strict');
    const before = await counts();
    const refused = await ask(ENROL, newcomer(strict), soft(red));
    expect(refused).toMatchObject({
      __typename: 'FaceTooBlurry',
      limitName: 'minSharpness',
      limit: 0.15,
    });
    expect(refused.value).toBeLessThan(0.15);
    expect(refused.message).toContain('0.15');
    expect(await counts()).toEqual(before);
    const lax = await ask(LIMITS, { id: strict, quality: { minSharpness: 0, minScore: 0 } });
    expect(lax.quality).toEqual({ minSharpness: 0, minContrast: 0.04, minScore: 0, maxYaw: 45 });
    const taken = await ask(ENROL, newcomer(strict), soft(red));
    expect(taken.__typename).toBe('Face');
    expect(taken.quality.sharpness).toBe(refused.value);
    // What is not said stays, null is the standard again, for one limit or for all.
    const moved = await ask(LIMITS, { id: strict, quality: { minSharpness: null, maxYaw: 10 } });
    expect(moved.quality).toMatchObject({ minSharpness: 0.15, minScore: 0, maxYaw: 10 });
    expect((await ask(LIMITS, { id: strict, quality: null })).quality).toMatchObject({
      minScore: 0.2,
      maxYaw: 45,
    });
    expect(await ask(LIMITS, { id: strict, quality: { maxYaw: 91 } })).toMatchObject({
      __typename: 'InvalidInput',
      message: 'maxYaw is 91: give 0 to 90',
    });
  });

  it('takes limits with a new gallery', async () => {
    const create = `mutation ($quality: QualityLimitsInput) { createGallery(name: "made strict", quality: $quality) {
      __typename ... on Gallery { id quality { minSize minScore } } } }`;
    const made = await ask(create, { quality: { minSize: 65 } });
    expect(made.quality).toEqual({ minSize: 65, minScore: 0.2 });
    expect(await ask(ENROL, newcomer(made.id), picture(red))).toMatchObject({
      __typename: 'FaceTooSmall',
      value: 64,
      limit: 65,
    });
  });

  it('does not judge probes, and stores what detect answers', async () => {
    const id = await createGallery(api, 'probes');
    const face = await ask(ENROL, newcomer(id, 'Red'), picture(red));
    const detect = `query ($image: ImageInput!) { detect(image: $image) { ... on Detection { faces { quality {
      score size sharpness yaw pitch roll brightness contrast dark bright outside confidence } } } } }`;
    const [seen] = (await ask(detect, {}, picture(red))).faces;
    expect(face.quality).toEqual(seen.quality);
    expect(face.refusals).toEqual([]);
    const found = await ask(IDENTIFY, { gallery: { id } }, soft(red));
    expect(found.faces).toEqual([{ match: { identity: { name: 'Red' } } }]);
  });

  it('of several faces takes all or none, and says which is at fault', async () => {
    const id = await createGallery(api, 'several');
    const before = await counts();
    const faces = [0, 1].map((face) => ({ ...newcomer(id, `P${face}`), face }));
    const refused = await ask(ENROL_MANY, { faces }, soft(green, blue));
    expect(refused.__typename).toBe('FaceTooBlurry');
    expect(refused.message).toMatch(/^faces\[0\]: the face has sharpness/);
    expect(await counts()).toEqual(before);
  });

  it('tries an enrolment without storing anything', async () => {
    const id = await createGallery(api, 'dry');
    const known = await enrolNew(api, id, 'Red', picture(red));
    const before = await counts();
    const dry = await ask(ENROL, { ...newcomer(id), dryRun: true }, soft(green));
    expect(dry.__typename).toBe('DryRun');
    expect(dry.faces).toHaveLength(1);
    expect(dry.faces[0].similar).toBeNull();
    expect(dry.faces[0].refusals.map(({ code }: { code: string }) => code)).toEqual([
      'FaceTooBlurry',
      'QualityTooLow',
    ]);
    expect(dry.faces[0].refusals[0].value).toBe(dry.faces[0].face.quality.sharpness);
    const twice = await ask(
      ENROL_MANY,
      { dryRun: true, faces: [1, 0].map((face) => ({ ...newcomer(id, `P${face}`), face })) },
      picture(red, green),
    );
    expect(twice.faces).toMatchObject([
      { face: { index: 1 }, refusals: [], similar: null },
      { face: { index: 0 }, refusals: [], similar: { id: known.id } },
    ]);
    expect(await counts()).toEqual(before);
    // Failures that have nothing to do with storing are answered all the same.
    const two = await ask(ENROL, { ...newcomer(id), dryRun: true }, picture(red, green));
    expect(two.__typename).toBe('MultipleFacesFound');
  });

  it('refuses items of a bulk job with their reasons, and can try one', async () => {
    const id = await createGallery(api, 'bulk');
    const archive = zip([
      { path: 'Ada/1.png', data: picture(red) },
      { path: 'Bob/1.png', data: soft(green) },
    ]);
    const bulk = `mutation ($gallery: GalleryBy!, $source: BulkSource!, $dryRun: Boolean!, $unknown: Boolean! = false) {
      enrolInBulk(gallery: $gallery, source: $source, dryRun: $dryRun, unknown: $unknown) { __typename ... on Job { id } ... on Failure { message } } }`;
    const look = `query ($id: ID!) { job(id: $id) { dryRun finishedAt items { edges { node { state code message faceId } } } } }`;
    const run = async (options: object) => {
      const variables = { gallery: { id }, source: {}, ...options };
      const { data } = await api.run(bulk, { variables, files: { 'source.archive': archive } });
      const job = { id: data.enrolInBulk.id };
      const state = () => ask(look, job);
      await expect
        .poll(async () => (await state()).finishedAt, { timeout: 20_000, interval: 20 })
        .not.toBeNull();
      const ended = await state();
      return [ended.dryRun, ...ended.items.edges.map(({ node }: { node: object }) => node)];
    };
    const before = await counts();
    const refused = { state: 'REFUSED', code: 'FaceTooBlurry', faceId: null };
    const [dry, ...tried] = await run({ dryRun: true });
    expect([dry, tried]).toMatchObject([true, [{ state: 'DONE', faceId: null }, refused]]);
    expect(tried[1].message).toMatch(
      /^the face has sharpness 0\.\d+: the gallery takes no less than 0\.15$/,
    );
    expect(await counts()).toEqual(before);
    const [wet, ...done] = await run({ dryRun: false });
    expect([wet, done]).toMatchObject([
      false,
      [{ state: 'DONE', faceId: expect.any(String) }, refused],
    ]);
    // Nobody is recognised by a face of nobody, so it is measured but not judged.
    const [, ...unknown] = await run({ dryRun: false, unknown: true });
    expect(unknown).toMatchObject([{ state: 'REFUSED', code: 'DuplicateFace' }, { state: 'DONE' }]);
    const stored = await api.database.client.face.findMany({
      where: { galleryId: rowId(id), identityId: null },
    });
    expect(stored.map(({ sharpness }) => sharpness! < 0.15)).toEqual([true]);
  });

  it('finds weak faces, which can be taken away and brought back', async () => {
    const id = await createGallery(api, 'weak');
    const ada = await enrolNew(api, id, 'Ada', picture(red));
    await ask(LIMITS, { id, quality: { minSharpness: 0, minScore: 0 } });
    const bob = await enrolNew(api, id, 'Bob', soft(green));
    const old = await enrolNew(api, id, 'Old', picture(blue));
    const none = Object.fromEntries(
      ['score', 'size', 'sharpness', 'yaw', 'pitch', 'roll', 'outside'].map((c) => [c, null]),
    );
    await api.database.client.face.update({ where: { id: rowId(old.id) }, data: none });
    const health = () => ask(HEALTH, { gallery: { id } });
    expect((await health()).weakFaces.edges).toEqual([]);
    await ask(LIMITS, { id, quality: null });
    const { unmeasured, weakFaces } = await health();
    expect(unmeasured).toBe(1);
    expect(weakFaces).toEqual({
      totalCount: 1,
      edges: [
        {
          node: {
            id: bob.id,
            identity: { name: 'Bob' },
            refusals: [{ code: 'FaceTooBlurry' }, { code: 'QualityTooLow' }],
          },
        },
      ],
    });
    const taken = await ask(UNASSIGN, { faces: [bob.id, ada.id] });
    expect(taken.edits).toEqual(
      [bob, ada].map((face) => ({
        id: expect.any(String),
        kind: 'UNASSIGN',
        from: face.identity.id,
        to: null,
        faces: [face.id],
      })),
    );
    expect((await health()).weakFaces.totalCount).toBe(0);
    const who = async (image: Uint8Array<ArrayBuffer>) =>
      (await ask(IDENTIFY, { gallery: { id } }, image)).faces[0].match?.identity.name ?? null;
    expect(await who(soft(green))).toBeNull();
    expect(await ask(UNASSIGN, { faces: [bob.id] })).toMatchObject({ __typename: 'FaceNotFound' });
    expect(await ask(UNASSIGN, { faces: [] })).toMatchObject({ __typename: 'InvalidInput' });
    for (const { id: edit } of taken.edits)
      expect(await ask(UNDO, { id: edit })).toEqual({ __typename: 'Edit' });
    expect(await who(soft(green))).toBe('Bob');
    expect(await ask(UNDO, { id: taken.edits[0].id })).toMatchObject({
      __typename: 'EditConflict',
    });
    expect((await health()).weakFaces.totalCount).toBe(1);
    // Whoever erases a person erases what was taken away, too.
    await ask(UNASSIGN, { faces: [bob.id] });
    await ask(`mutation ($id: ID!) { deleteIdentity(id: $id) { __typename } }`, {
      id: bob.identity.id,
    });
    expect(await api.database.client.face.count({ where: { id: rowId(bob.id) } })).toBe(0);
  });

  it('finds outliers, confusable people, and who lacks a consent or a second face', async () => {
    const id = await createGallery(api, 'mixed', 0.05);
    const add = async (identity: string, image: Uint8Array<ArrayBuffer>) =>
      (
        await ask(
          `mutation ($image: ImageInput!, $id: ID!) { enrolFace(image: $image, identity: { id: $id }, allowSimilar: true) { ... on Face { id } } }`,
          { id: identity },
          image,
        )
      ).id;
    const ada = (await enrolNew(api, id, 'Ada', picture(red))).identity.id;
    await add(ada, picture([218, 32, 32]));
    await add(ada, picture([222, 33, 30]));
    const wrong = await add(ada, picture(green));
    const grace = await enrolNew(api, id, 'Grace', picture([78, 218, 20]));
    const twin = (
      await ask(
        `mutation ($image: ImageInput!, $identity: EnrolIdentity!) { enrolFace(image: $image, identity: $identity, allowSimilar: true) { ... on Face { id identity { id } } } }`,
        newcomer(id, 'Twin'),
        picture(ROSE),
      )
    ).identity.id;
    await ask(
      `mutation ($id: ID!) { updateIdentity(id: $id, consent: { basis: "contract" }) { __typename } }`,
      { id: twin },
    );
    const health = await ask(HEALTH, { gallery: { id } });
    expect(health.outliers.totalCount).toBe(1);
    expect(health.outliers.edges[0].node).toMatchObject({
      face: { id: wrong },
      cleanUp: 'REASSIGN',
      nearest: { name: 'Grace' },
    });
    expect(health.outliers.edges[0].node.distance).toBeGreaterThan(1);
    expect(health.confusable).toMatchObject({ examined: 3, next: null });
    expect(health.confusable.pairs).toHaveLength(1);
    expect(health.confusable.pairs[0]).toMatchObject({
      a: { name: 'Ada' },
      b: { name: 'Twin' },
      duplicate: true,
      cleanUp: 'MERGE',
    });
    expect(health.withoutConsent).toMatchObject({
      totalCount: 2,
      edges: [{ node: { name: 'Ada' } }, { node: { name: 'Grace' } }],
    });
    expect(health.singleFaced).toMatchObject({
      totalCount: 2,
      edges: [{ node: { name: 'Grace' } }, { node: { name: 'Twin' } }],
      pageInfo: { hasNextPage: false },
    });
    // The clean-up that was proposed puts it right.
    const reassign = `mutation ($face: ID!, $to: FaceReceiver!) { reassignFace(face: $face, to: $to) { __typename } }`;
    await ask(reassign, { face: wrong, to: { id: grace.identity.id } });
    const merge = `mutation ($from: ID!, $into: ID!) { mergeIdentities(from: $from, into: $into) { __typename } }`;
    await ask(merge, { from: twin, into: ada });
    const after = await ask(HEALTH, { gallery: { id } });
    expect([
      after.outliers.totalCount,
      after.confusable.pairs,
      after.singleFaced.totalCount,
    ]).toEqual([0, [], 0]);
  });

  it('judges outliers and confusable people as searches do, by the calibration in force', async () => {
    const id = await createGallery(api, 'judged');
    const ada = (await enrolNew(api, id, 'Ada', picture(red))).identity.id;
    const second = `mutation ($image: ImageInput!, $id: ID!) { enrolFace(image: $image, identity: { id: $id }, allowSimilar: true) { __typename } }`;
    await ask(second, { id: ada }, picture([220, 90, 30])); // 0.031 from the first
    const enrol = `mutation ($image: ImageInput!, $identity: EnrolIdentity!) { enrolFace(image: $image, identity: $identity, allowSimilar: true) { __typename } }`;
    await ask(enrol, newcomer(id, 'Grace'), picture(green));
    await ask(enrol, newcomer(id, 'Twin'), picture([60, 215, 40])); // 0.010 from Grace
    const health = async () => (await ask(HEALTH, { gallery: { id } })) as Answer['data'];

    const before = await health();
    expect([before.outliers.rule.basis, before.confusable.rule.basis]).toEqual([
      'MODEL_CARD',
      'MODEL_CARD',
    ]);
    expect([before.outliers.totalCount, before.confusable.pairs.length]).toEqual([0, 1]);

    const { client: db } = api.database;
    const { model } = await db.gallery.findUniqueOrThrow({ where: { id: rowId(id) } });
    const curve = [
      { threshold: 0.001, fmr: 0, fnmr: 0.5 },
      { threshold: 0.02, fmr: 0.004, fnmr: 0.1 },
      { threshold: 1, fmr: 1, fnmr: 0 },
    ];
    const counts = { identities: 100, faces: 500, genuinePairs: 1000, impostorPairs: 100_000 };
    const made = { ...counts, model, seed: 1, equalErrorRate: 0, equalErrorThreshold: 0.1 };
    await db.$transaction((tx) => storeCalibration(tx, rowId(id), { ...made, points: [], curve }));

    // One comparison may fail at 1 %, one of four only at 0.25 %.
    const { outliers, confusable } = await health();
    expect(outliers.rule).toMatchObject({ basis: 'CALIBRATION', threshold: 0.02, comparisons: 1 });
    expect(confusable.rule).toMatchObject({
      basis: 'CALIBRATION',
      threshold: 0.001,
      comparisons: 4,
    });
    expect(outliers.rule.explanation).toContain('100000 impostor pairs support');
    expect([outliers.totalCount, confusable.pairs.length]).toEqual([2, 0]);
  });

  it('goes on with the search for confusable people where it ended', async () => {
    const id = await createGallery(api, 'twins', 0.05);
    const near = (i: number): Colour => [220 - i, 30, 30 + i];
    const enrol = `mutation ($image: ImageInput!, $identity: EnrolIdentity!) { enrolFace(image: $image, identity: $identity, allowSimilar: true) { __typename } }`;
    for (let i = 0; i < 4; i++) await ask(enrol, newcomer(id, `P${i}`), picture(near(i)));
    const found: string[] = [];
    let after: string | null = null;
    let calls = 0;
    do {
      const page: Answer['data'] = (await ask(HEALTH, { gallery: { id }, first: 1, after }))
        .confusable;
      for (const { a, b } of page.pairs) found.push(`${a.name} ${b.name}`);
      after = page.next;
    } while (after !== null && ++calls < 10);
    expect(found.sort()).toEqual(['P0 P1', 'P0 P2', 'P0 P3', 'P1 P2', 'P1 P3', 'P2 P3']);
  });
});
