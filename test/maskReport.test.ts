import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDecoder } from '../src/engine/image/decode.ts';
import type { Image } from '../src/engine/image/image.ts';
import { chooseMasked } from '../src/faces/maskReport/sample.ts';
import { type Colour, fakeEngine, picture } from './api/fakeEngine.ts';
import { createGallery, rowId } from './api/gallery.ts';
import { type Api, openApi, temporaryDirectory } from './api/harness.ts';
import { globalId } from './api/rootFields.ts';
import { pixel } from './support/pixels.ts';

const ASK = `mutation ($name: String!, $fmr: Float! = 0.001, $seed: Int! = 1, $key: String) {
  maskReport(gallery: { name: $name }, fmr: $fmr, seed: $seed, idempotencyKey: $key) {
    __typename ... on Job { id kind } ... on Failure { message } } }`;
const RATES = 'genuinePairs impostorPairs lost fnmr { value interval } fmr { value interval }';
const REPORT = `at model fingerprint current seed fmrAsked fmr identities faces lost missed helped
  comparisons { condition threshold ${RATES} } groups { trait value ${RATES} }
  risks(first: 50) { totalCount edges { node { probes missedUnmasked missedMasked missedWithMaskedEnrolment rise
    maskedEnrolmentHelps identity { id name } } } }`;

/** Nine people, each a direction of colours; two pictures that are nearly alike, of the last but one. */
const PEOPLE = Array.from({ length: 9 }, (_, i) => {
  const [a, b] = [(i * Math.PI * 2) / 9, (i % 3) * 0.8 - 0.8];
  return [
    128 + 100 * Math.cos(a) * Math.cos(b),
    128 + 100 * Math.sin(a) * Math.cos(b),
    128 + 100 * Math.sin(b),
  ];
});
const colourOf = (person: number, photograph: number): Colour => {
  const [r, g, b] = PEOPLE[person].map(Math.round);
  return [r + photograph, g, b];
};

afterAll(closeDecoder);

describe('the sample of a mask report', () => {
  const faces = (identity: string, ...hashes: string[]) =>
    hashes.map((imageHash, i) => ({ identity, imageHash, faceId: `${identity}/${i}` }));

  it('is four photographs of 200 people and one of 200 others, at most', () => {
    const all = Array.from({ length: 500 }, (_, i) =>
      faces(`P${i}`, ...(i < 250 ? ['a', 'b', 'c', 'd', 'e'] : ['a']).map((h) => `${i}${h}`)),
    ).flat();
    const chosen = chooseMasked(all, 3);
    expect(chosen).toHaveLength(1000);
    expect(chooseMasked(all, 3)).toEqual(chosen);
    expect(chooseMasked(all, 4)).not.toEqual(chosen);
    const people = chosen.map(({ identity }) => identity);
    expect(new Set(people).size).toBe(400);
    // Those of a person follow one another.
    expect(people.filter((identity, i) => identity !== people[i - 1])).toHaveLength(400);
  });

  it('takes no two faces of a person from one photograph', () => {
    expect(chooseMasked([...faces('P', 'a', 'a'), ...faces('Q', 'b', 'b', 'c')], 1)).toHaveLength(
      3,
    );
  });
});

describe('a mask report of a gallery', () => {
  const engine = fakeEngine();
  /** People whose face is lost under a mask, and whose is far off. */
  const [LOST, FAR] = [0, 1];
  let gate: Promise<void> | undefined;
  let api: Api;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  /** The double sees nothing but the top row, where no mask reaches; on it, the pattern tells. */
  const worn = (image: Image, x: number) => {
    const [r] = pixel(image, x + 32, 48);
    return Math.abs(r - (128 + 50 * Math.sin(x + 32) * Math.sin(48))) > 3;
  };
  const is = (image: Image, x: number, person: number) => {
    const [, g, b] = pixel(image, x, 0);
    const [, green, blue] = colourOf(person, 0);
    return g === green && b === blue;
  };

  beforeAll(async () => {
    directory = await temporaryDirectory();
    const { detect, embedder } = engine;
    engine.detect = async (image) => {
      await gate;
      const found = await detect(image);
      return found.filter(({ box: [x] }) => !(worn(image, x) && is(image, x, LOST)));
    };
    engine.embedder = async (model) => {
      const whole = await embedder(model);
      return {
        ...whole,
        async embed(image, faces) {
          const plain = await whole.embed(image, faces);
          return plain.map((vector, i) => {
            const [x] = faces[i].box;
            // The opposite direction, from which nobody else is.
            return worn(image, x) && is(image, x, FAR) ? vector.map((v) => -v) : vector;
          });
        },
      };
    };
    api = await openApi(engine, { directory: directory.path, jobs: { leaseMs: 3000 } });
    await gallery('crew', PEOPLE.length, 2);
  });

  afterAll(async () => {
    await api?.close();
    await directory.remove();
  });

  async function gallery(name: string, people: number, photographs: number, keepImages = true) {
    const id = await createGallery(api, name);
    await api.run(
      `mutation { updateGallery(id: "${id}", keepImages: ${keepImages}) { __typename } }`,
    );
    const enrol = `mutation ($image: ImageInput!, $identity: EnrolIdentity!) {
      enrolFace(image: $image, identity: $identity, allowSimilar: true) { __typename ... on Face { identity { id } } ... on Failure { message } } }`;
    for (let person = 0; person < people; person++) {
      let identity: object = { new: { gallery: { name }, name: `person ${person}` } };
      for (let photograph = 0; photograph < photographs; photograph++) {
        const files = { 'image.file': picture(colourOf(person, photograph)) };
        const { data } = await api.run(enrol, { variables: { identity }, files });
        expect(data.enrolFace.__typename, data.enrolFace.message).toBe('Face');
        identity = { id: data.enrolFace.identity.id };
      }
    }
    return id;
  }
  const ask = async (name: string, more: object = {}) =>
    (await api.run(ASK, { variables: { name, ...more } })).data.maskReport;
  const job = async (id: string) =>
    (await api.run(`{ job(id: "${id}") { state total done refused error finishedAt } }`)).data.job;
  const ended = async (id: string) => {
    await expect
      .poll(async () => (await job(id)).finishedAt, { timeout: 60_000, interval: 50 })
      .not.toBeNull();
    return job(id);
  };
  const held = () => {
    let release = () => {};
    gate = new Promise((resolve) => {
      release = resolve;
    });
    return () => {
      gate = undefined;
      release();
    };
  };
  const reports = async (name: string) => {
    const query = `query ($name: String!) { gallery(by: { name: $name }) {
      maskReport { ${REPORT} } maskReports { totalCount edges { node { seed at } } } } }`;
    const { data, errors } = await api.run(query, { variables: { name } });
    expect(errors).toBeUndefined();
    return data.gallery;
  };
  const kept = () => api.database.client.maskedFace.count();

  it('compares masked photographs with unmasked and masked enrolled ones', async () => {
    expect(await reports('crew')).toEqual({
      maskReport: null,
      maskReports: { totalCount: 0, edges: [] },
    });
    const made = await ask('crew', { key: 'once' });
    expect(made).toMatchObject({ __typename: 'Job', kind: 'MASK_REPORT' });
    expect(await ask('crew', { key: 'once' })).toEqual(made);
    expect(await ended(made.id)).toMatchObject({ state: 'DONE', total: 18, done: 18, refused: 0 });
    expect(await kept()).toBe(0);
    const { maskReport, maskReports } = await reports('crew');
    expect(maskReports.totalCount).toBe(1);
    expect(maskReport).toMatchObject({
      model: 'facenet-vggface2',
      current: true,
      seed: 1,
      fmrAsked: 0.001,
      // 9 probes against 8 strangers are 72 impostors: enough for a tenth.
      fmr: 0.1,
      identities: 9,
      faces: 18,
      lost: 2,
      missed: 2,
      // A masked copy is as far off as the masked photograph; where there is none, nothing helps.
      helped: 1,
    });
    const of = (name: string) =>
      maskReport.comparisons.find(({ condition }: { condition: string }) => condition === name);
    for (const name of ['UNMASKED', 'MASKED_PROBE', 'BOTH_MASKED', 'MASKED_ENROLMENT'])
      expect(of(name)).toMatchObject({ genuinePairs: 9, impostorPairs: 72 });
    const misses = (name: string) => of(name).fnmr.value * 9;
    expect(misses('UNMASKED')).toBeCloseTo(0, 9);
    expect(misses('MASKED_PROBE')).toBeCloseTo(2, 9);
    expect(misses('BOTH_MASKED')).toBeCloseTo(1, 9);
    expect(misses('MASKED_ENROLMENT')).toBeCloseTo(1, 9);
    expect(of('UNMASKED').fmr.value).toBeLessThanOrEqual(0.1);
    expect([of('UNMASKED').lost, of('MASKED_PROBE').lost]).toEqual([0, 1]);
    const [low, high] = of('MASKED_PROBE').fnmr.interval;
    expect(low).toBeLessThan(2 / 9);
    expect(high).toBeGreaterThan(2 / 9);
    const pairs = (trait: string) =>
      maskReport.groups
        .filter((group: { trait: string }) => group.trait === trait)
        .reduce((sum: number, group: { genuinePairs: number }) => sum + group.genuinePairs, 0);
    expect(['KIND', 'COVERAGE', 'COLOUR'].map(pairs)).toEqual([9, 9, 9]);
  });

  it('says who is at risk, and whom a masked enrolment helps', async () => {
    const { risks } = (await reports('crew')).maskReport;
    expect(risks.totalCount).toBe(9);
    const people = risks.edges.map(({ node }: { node: object }) => node);
    const [far, lost] = [...people.slice(0, 2)].sort((a, b) => (b.rise ?? 0) - (a.rise ?? 0));
    expect(far).toMatchObject({
      identity: { name: `person ${FAR}` },
      probes: 1,
      missedUnmasked: 0,
      missedMasked: 1,
      missedWithMaskedEnrolment: 0,
      maskedEnrolmentHelps: true,
    });
    expect(far.rise).toBeCloseTo(2, 2);
    expect(lost).toMatchObject({
      identity: { name: `person ${LOST}` },
      missedMasked: 1,
      missedWithMaskedEnrolment: 1,
      rise: null,
      maskedEnrolmentHelps: false,
    });
    for (const one of people.slice(2)) expect(one).toMatchObject({ missedMasked: 0, rise: 0 });
  });

  it('is the same for the same seed, and keeps its history', async () => {
    await ended((await ask('crew')).id);
    const { maskReport, maskReports } = await reports('crew');
    expect(maskReports.edges.map(({ node }: { node: { seed: number } }) => node.seed)).toEqual([
      1, 1,
    ]);
    expect(maskReport.at).toBe(maskReports.edges[0].node.at);
    await ended((await ask('crew', { seed: 2, fmr: 0.05 })).id);
    const [latest, second, first] = await api.database.client.maskReport.findMany({
      orderBy: { id: 'desc' },
    });
    expect(second.figures).toEqual(first.figures);
    expect(latest).toMatchObject({ seed: 2, fmrAsked: 0.05, fmr: 0.05 });
    expect(latest.figures).not.toEqual(first.figures);
    expect((await reports('crew')).maskReport.seed).toBe(2);
  });

  it('forgets who is erased, in what is done and in what is under way', async () => {
    const { client: db } = api.database;
    const person = await db.identity.findFirstOrThrow({ where: { name: 'person 3' } });
    const mentioned = async () => {
      const tables = await db.$queryRaw<{ row: string }[]>`
        SELECT t::text AS "row" FROM "MaskRisk" t UNION ALL SELECT t::text FROM "MaskReport" t
        UNION ALL SELECT t::text FROM "Job" t`;
      return tables.filter(({ row }) => row.includes(person.id)).length;
    };
    expect(await mentioned()).toBe(3);
    const release = held();
    const { id } = await ask('crew');
    await expect.poll(async () => (await job(id)).total).toBe(18);
    const erase = `mutation { eraseIdentity(id: "${globalId('Identity', person.id)}", confirmName: "person 3") {
      ... on Erasure { counts { maskReports faces } } ... on Failure { message } } }`;
    const { data } = await api.run(erase);
    expect(data.eraseIdentity).toEqual({ counts: { faces: 2, maskReports: 3 + 2 } });
    expect(await mentioned()).toBe(0);
    release();
    expect(await ended(id)).toMatchObject({ state: 'DONE', error: null });
    const { maskReport } = await reports('crew');
    expect(maskReport).toMatchObject({ identities: 8, faces: 16, risks: { totalCount: 8 } });
    expect(await mentioned()).toBe(0);
  });

  it('is refused where there is nothing to measure', async () => {
    await gallery('bare', 2, 2, false);
    expect(await ask('bare')).toMatchObject({
      __typename: 'ImagesMissing',
      message: expect.stringContaining('keepImages'),
    });
    await gallery('few', 3, 2);
    expect(await ask('few')).toEqual({
      __typename: 'TooFewFaces',
      message:
        '3 people with 3 stored photographs beside their first make 6 impostor pairs: it takes 30',
    });
    await gallery('single', 9, 1);
    expect(await ask('single')).toMatchObject({ __typename: 'TooFewFaces' });
    expect(await ask('nobody')).toMatchObject({ __typename: 'GalleryNotFound' });
    expect(await ask('crew', { fmr: 0.2 })).toMatchObject({ __typename: 'InvalidInput' });
    const past = { where: { name: 'single' }, data: { model: 'facenet-vggface2@1' } };
    await api.database.client.gallery.update(past);
    expect(await ask('single')).toMatchObject({ __typename: 'ModelMismatch' });
  });

  it('counts photographs that cannot be read any more as refused', async () => {
    const { client: db } = api.database;
    const id = rowId(await gallery('torn', 8, 2));
    const { hash } = await db.storedImage.findFirstOrThrow({ where: { galleryId: id } });
    await db.storedImage.update({
      where: { galleryId_hash: { galleryId: id, hash } },
      data: { bytes: Buffer.from('no picture') },
    });
    const made = await ask('torn');
    expect(await ended(made.id)).toMatchObject({ state: 'DONE', total: 16, done: 15, refused: 1 });
    expect(String(api.complaints.splice(0))).toContain('not an image');
    expect((await reports('torn')).maskReport.faces).toBe(15);
  });

  it('ends with a word when the gallery is embedded anew meanwhile', async () => {
    await gallery('moving', 8, 2);
    const release = held();
    const { id } = await ask('moving');
    await expect.poll(async () => (await job(id)).total).toBe(16);
    const { client: db } = api.database;
    await db.gallery.update({
      where: { name: 'moving' },
      data: { model: 'resnet50-vggface2' },
    });
    release();
    expect(await ended(id)).toMatchObject({
      state: 'FAILED',
      error: expect.stringContaining('ask for another'),
    });
    api.complaints.splice(0);
    expect((await reports('moving')).maskReport).toBeNull();
  });

  it('stops when it is cancelled, and leaves nothing', async () => {
    const before = (await reports('crew')).maskReports.totalCount;
    const release = held();
    const { id } = await ask('crew');
    await expect.poll(async () => (await job(id)).total).toBe(16);
    expect(await kept()).toBe(16);
    await api.run(`mutation { cancelJob(id: "${id}") { __typename } }`);
    expect(await kept()).toBe(0);
    release();
    // Time for what was in hand, which must come to nothing.
    await sleep(500);
    expect(await job(id)).toMatchObject({ state: 'CANCELLED', done: 0 });
    expect((await reports('crew')).maskReports.totalCount).toBe(before);
  });

  it('goes on where another process left it', async () => {
    const { client: db } = api.database;
    const release = held();
    const { id } = await ask('crew');
    await expect.poll(async () => (await job(id)).total).toBe(16);
    // As if the process had been killed when the last three faces were left to do.
    const jobId = rowId(id);
    const where = { jobId, place: { lte: 13 } };
    const mask = { kind: 'cloth', coverage: 'high', colour: '#000000' };
    const vector = new Uint8Array(Float32Array.of(0, 0, 1).buffer);
    await db.maskedFace.updateMany({ where, data: { drawn: true, mask, vector } });
    await db.job.update({
      where: { id: jobId },
      data: { lease: 'of the dead', leaseUntil: new Date(0), done: 13 },
    });
    release();
    expect(await ended(id)).toMatchObject({ state: 'DONE', total: 16, done: 16 });
    const { groups } = (await reports('crew')).maskReport;
    expect(groups).toContainEqual(expect.objectContaining({ value: '#000000' }));
    expect(api.complaints).toEqual([]);
  });
});
