import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import { galleryOf, type Somebody } from './api/bundles.ts';
import { fakeEngine, PEOPLE, picture } from './api/fakeEngine.ts';
import { createGallery, enrolNew } from './api/gallery.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { globalId } from './api/rootFields.ts';
import { randomArray } from './support/random.ts';
import { unit } from './support/unit.ts';

const CALIBRATE = `mutation ($name: String!, $key: String) {
  calibrate(gallery: { name: $name }, idempotencyKey: $key) { __typename ... on Job { id kind } ... on Failure { message } } }`;
const CALIBRATION = `at model inForce voidedAt identities faces genuinePairs impostorPairs fmrSupported
  points { promised threshold fmr fmrInterval fnmr fnmrInterval } curve { threshold fmr fnmr }`;
const RULE = `rule { basis threshold reviewThreshold decisive falseHitRate comparisons fmrAllowed fmrSupported explanation
  calibration { impostorPairs model at } }`;
const SEARCH = `query ($embedding: [Float!]!, $name: String!, $threshold: Float, $rankBy: RankBy! = FACE, $top: Int! = 5) {
  searchByEmbedding(embedding: $embedding, gallery: { name: $name }, threshold: $threshold, rankBy: $rankBy, top: $top) {
    ... on EmbeddingSearch { threshold ${RULE} match { identity { name } } candidates {
      distance decision fmrEstimate fmrBelow identity { name }
      explain { face { id } margin calibration { impostorPairs } ${RULE} } } } ... on Failure { message } } }`;

/** People in all directions of space, with three pictures each that are nearly alike. */
const PEOPLE_OF_12: Somebody[] = Array.from({ length: 12 }, (_, person) => ({
  name: `person ${person}`,
  externalId: null,
  faces: [0, 1, 2].map((face) => {
    const noise = randomArray(1000 + 3 * person + face, 3);
    return unit(...randomArray(77 + person, 3).map((value, i) => value + 0.05 * noise[i]));
  }),
}));
const [[somebodysFace]] = PEOPLE_OF_12.map(({ faces }) => faces);

afterAll(closeDecoder);

describe('calibrate', () => {
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let id: string;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    api = await openApi(fakeEngine(), { directory: directory.path });
    const { database, indexes } = api;
    const service = { db: database.client, engine: fakeEngine(), indexes, galleries: null };
    id = await galleryOf(service, { name: 'staff' }, PEOPLE_OF_12);
    await galleryOf(service, { name: 'one' }, PEOPLE_OF_12.slice(0, 1));
  });

  afterAll(async () => {
    await api?.close();
    await directory.remove();
  });

  const calibrate = async (name: string, key?: string) => {
    const { data } = await api.run(CALIBRATE, { variables: { name, key } });
    return data.calibrate;
  };
  const ended = async (job: string) => {
    const query = `{ job(id: "${job}") { state total done error finishedAt } }`;
    const look = async () => (await api.run(query)).data.job;
    await expect.poll(async () => (await look()).finishedAt, { timeout: 20_000 }).not.toBeNull();
    return look();
  };
  const search = async (more: object = {}) => {
    const variables = { embedding: [...somebodysFace], name: 'staff', ...more };
    const { data, errors } = await api.run(SEARCH, { variables });
    expect(errors).toBeUndefined();
    return data.searchByEmbedding;
  };
  const update = async (args: string) => {
    const query = `mutation { updateGallery(id: "${globalId('Gallery', id)}", ${args}) {
      ... on Gallery { falseHitRate } ... on Failure { message } } }`;
    return (await api.run(query)).data.updateGallery;
  };
  const gallery = async (name = 'staff') => {
    const query = `query ($name: String!) { gallery(by: { name: $name }) { calibration { ${CALIBRATION} }
      calibrations(first: 10) { totalCount edges { node { inForce voidedAt at } } } } }`;
    return (await api.run(query, { variables: { name } })).data.gallery;
  };

  it('is preceded by the model card, and the answers say so', async () => {
    const { match, rule, candidates } = await search();
    expect(match.identity.name).toBe('person 0');
    expect(rule).toMatchObject({ basis: 'MODEL_CARD', calibration: null, decisive: true });
    expect(rule).toMatchObject({ falseHitRate: null, threshold: 0.1, reviewThreshold: 0.1 });
    expect(rule.explanation).toMatch(/model card/);
    const [nearest, next] = candidates;
    expect(nearest).toMatchObject({ decision: 'MATCH', fmrEstimate: null });
    // The card knows of no rate below a ten-thousandth.
    expect(nearest.fmrBelow).toBeGreaterThan(0.00009);
    expect(nearest.fmrBelow).toBeLessThan(0.00013);
    expect(nearest.explain.calibration).toBeNull();
    expect(nearest.explain.margin).toBeCloseTo(next.distance - nearest.distance, 12);
    expect(next.explain.margin).toBeCloseTo(nearest.distance - next.distance, 12);
    expect(await gallery()).toMatchObject({ calibration: null, calibrations: { totalCount: 0 } });
    // The lead over the second is known where only one is asked for.
    const { candidates: only } = await search({ top: 1 });
    expect(only).toHaveLength(1);
    expect(only[0].explain.margin).toBe(nearest.explain.margin);
  });

  it('compares the faces of the gallery as a job', async () => {
    const job = await calibrate('staff', 'once');
    expect(job).toMatchObject({ __typename: 'Job', kind: 'CALIBRATE' });
    expect(await calibrate('staff', 'once')).toEqual(job);
    expect(await ended(job.id)).toMatchObject({ state: 'DONE', total: 36, done: 36, error: null });
    const { calibration, calibrations } = await gallery();
    expect(calibrations.totalCount).toBe(1);
    expect(calibration).toMatchObject({
      model: 'facenet-vggface2',
      inForce: true,
      voidedAt: null,
      identities: 12,
      faces: 36,
      genuinePairs: 12 * 3,
      impostorPairs: (36 * 35) / 2 - 12 * 3,
      fmrSupported: 3 / 594,
    });
    expect(calibration.points.map((point: { promised: number }) => point.promised)).toEqual([
      0.1, 0.01,
    ]);
    const [tenth, hundredth] = calibration.points;
    expect(tenth).toMatchObject({ fmr: 59 / 594 });
    expect(hundredth).toMatchObject({ fmr: 5 / 594 });
    expect(hundredth.threshold).toBeLessThan(tenth.threshold);
    expect(calibration.curve[0].fmr).toBe(0);
    expect(calibration.curve.at(-1)).toMatchObject({ fmr: 1, fnmr: 0 });
  });

  it('leaves hits to a person where the pairs are too few for the configured rate', async () => {
    const { match, rule, candidates, threshold } = await search();
    expect(rule).toMatchObject({
      basis: 'CALIBRATION',
      decisive: false,
      falseHitRate: 0.01,
      comparisons: 36,
      fmrAllowed: expect.closeTo(1 - 0.99 ** (1 / 36), 12),
      fmrSupported: 3 / 594,
      calibration: { impostorPairs: 594, model: 'facenet-vggface2' },
    });
    expect(rule.explanation).toMatch(/36 comparisons .* 594 impostor pairs .* to be reviewed$/);
    expect(rule.threshold).toBe(threshold);
    expect(match).toBeNull();
    expect(candidates[0]).toMatchObject({
      decision: 'REVIEW',
      fmrEstimate: null,
      fmrBelow: 3 / 594,
      explain: { calibration: { impostorPairs: 594 } },
    });
    expect(candidates[0].explain.rule).toEqual(rule);
    expect(candidates[0].explain.face.id).toMatch(/^[\w=]+$/);
    expect(candidates[4].decision).toBe('UNKNOWN');
    expect(candidates[4].fmrEstimate).toBeGreaterThan(3 / 594);
  });

  it('keeps a rate that the pairs support', async () => {
    expect(await update('falseHitRate: 0.3')).toEqual({ falseHitRate: 0.3 });
    const { match, rule } = await search();
    expect(rule).toMatchObject({
      decisive: true,
      falseHitRate: 0.3,
      fmrAllowed: expect.closeTo(1 - 0.7 ** (1 / 36), 12),
    });
    expect(rule.reviewThreshold).toBeGreaterThanOrEqual(rule.threshold);
    expect(match.identity.name).toBe('person 0');
    expect(await update('falseHitRate: 0.6')).toEqual({
      message: 'a false hit rate is 0.000001 to 0.5',
    });
    expect(await update('falseHitRate: null')).toEqual({ falseHitRate: null });
  });

  it('gives way to a threshold that is asked for, and to the gallery’s own', async () => {
    const asked = await search({ threshold: 1.5 });
    expect(asked.rule).toMatchObject({ basis: 'ARGUMENT', threshold: 1.5, calibration: null });
    expect(asked.match.identity.name).toBe('person 0');
    // What the distance means is told all the same.
    expect(asked.candidates[0].fmrBelow).toBe(3 / 594);
    await update('threshold: 0.02');
    expect((await search()).rule).toMatchObject({ basis: 'GALLERY', threshold: 0.02 });
    await update('threshold: null');
    expect((await search()).rule.basis).toBe('CALIBRATION');
  });

  it('says nothing of templates', async () => {
    const { rule, candidates } = await search({ rankBy: 'TEMPLATE' });
    expect(rule).toMatchObject({ basis: 'MODEL_CARD', calibration: null });
    expect(candidates[0]).toMatchObject({ decision: 'MATCH', fmrEstimate: null, fmrBelow: null });
    expect(candidates[0].explain.face).toBeNull();
  });

  it('decides comparisons with a person too, by that person’s faces alone', async () => {
    const person = await api.database.client.identity.findFirstOrThrow({
      where: { galleryId: id, name: 'person 0' },
    });
    const verify = `query ($a: ProbeInput!, $b: ProbeInput!) { verify(a: $a, b: $b) { ... on Verification {
      match ${RULE} pairs { decision match fmrEstimate fmrBelow } } } }`;
    const b = { identity: globalId('Identity', person.id) };
    const variables = { a: b, b };
    const files = { 'a.file': picture(PEOPLE.red) };
    const one = (await api.run(verify, { variables: { a: {}, b }, files })).data.verify;
    expect(one.rule).toMatchObject({ basis: 'CALIBRATION', comparisons: 3 });
    expect(one.rule.fmrAllowed).toBeCloseTo(1 - 0.99 ** (1 / 3), 12);
    const self = (await api.run(verify, { variables })).data.verify;
    expect(self.rule).toMatchObject({ comparisons: 9, decisive: false });
    expect(self.pairs[0]).toMatchObject({ decision: 'REVIEW', match: false, fmrBelow: 3 / 594 });
    expect(self.match).toBe(false);
  });

  it('keeps its history, of which the last is in force', async () => {
    await ended((await calibrate('staff')).id);
    const { calibration, calibrations } = await gallery();
    expect(calibrations.totalCount).toBe(2);
    const [last, first] = calibrations.edges.map(({ node }: { node: object }) => node);
    expect(last).toMatchObject({ inForce: true, voidedAt: null, at: calibration.at });
    expect(first.inForce).toBe(false);
    expect(first.voidedAt).not.toBeNull();
  });

  it('fails where there are too few faces', async () => {
    expect(await ended((await calibrate('one')).id)).toMatchObject({
      state: 'FAILED',
      error: '3 genuine and 0 impostor pairs: it takes one and 30',
    });
    expect((await gallery('one')).calibration).toBeNull();
    expect(await calibrate('nobody')).toMatchObject({ __typename: 'GalleryNotFound' });
    expect(api.complaints).toEqual([]);
  });

  it('is void with other weights', async () => {
    const { calibration: db } = api.database.client;
    const where = { galleryId: id, voidedAt: null };
    const { fingerprint } = await db.findFirstOrThrow({ where });
    await db.updateMany({ where, data: { fingerprint: 'of others' } });
    expect((await gallery()).calibration).toBeNull();
    expect((await search()).rule.basis).toBe('MODEL_CARD');
    await db.updateMany({ where, data: { fingerprint } });
    expect((await search()).rule.basis).toBe('CALIBRATION');
  });

  it('is void when the gallery is embedded by another model', async () => {
    const made = await createGallery(api, 'moving');
    await api.run(`mutation { updateGallery(id: "${made}", keepImages: true) { __typename } }`);
    // The corners of the cube of colours.
    const colours = Array.from({ length: 8 }, (_, i) =>
      [1, 2, 4].map((bit) => (i & bit ? 235 : 20)),
    );
    for (const [i, [r, g, b]] of colours.entries()) {
      const one = await enrolNew(api, made, `person ${i}`, picture([r, g, b]));
      const again = `mutation ($image: ImageInput!, $id: ID!) { enrolFace(image: $image, identity: { id: $id }, allowSimilar: true) { ... on Face { id } } }`;
      await api.run(again, {
        variables: { id: one.identity.id },
        files: { 'image.file': picture([r, g, b < 128 ? b + 40 : b - 40]) },
      });
    }
    await ended((await calibrate('moving')).id);
    expect((await gallery('moving')).calibration).toMatchObject({ identities: 8, genuinePairs: 8 });
    const reembed = `mutation { reembed(gallery: { name: "moving" }, model: "resnet50-vggface2") { ... on Job { id } ... on Failure { message } } }`;
    const job = (await api.run(reembed)).data.reembed;
    expect(await ended(job.id)).toMatchObject({ state: 'DONE' });
    const { calibration, calibrations } = await gallery('moving');
    expect(calibration).toBeNull();
    const [{ node }] = calibrations.edges;
    expect(node.inForce).toBe(false);
    expect(node.voidedAt).not.toBeNull();
    await ended((await calibrate('moving')).id);
    expect((await gallery('moving')).calibration.model).toBe('resnet50-vggface2');
  });
});
