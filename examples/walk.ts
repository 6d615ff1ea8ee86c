/**
 * What an admin does with galleries, from beginning to end, against two servers that it starts for
 * itself with the real engine: enrol people in bulk and watch it, identify them on other photographs,
 * correct a mistake and take the correction back, export, erase somebody and look for traces, import
 * elsewhere. Each step says what it expects and stops the walk when it is not so.
 *
 *   npm run -s walk -- [--images DIR] [--people N]
 *
 * DIR holds one folder of photographs per person, at least two of each, as LFW does.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { create } from 'tar';
import { type Client, createClient, graphql } from './client.ts';
import { type Server, startServer } from './server.ts';

const { values: args } = parseArgs({
  options: {
    images: { type: 'string', default: '../shared/data/lfw-dev/images' },
    people: { type: 'string', default: '50' },
  },
});

const GALLERIES = ['press', 'guests'] as const;

const CREATE = graphql(`mutation ($name: String!) {
  createGallery(name: $name) { __typename ... on Gallery { id } ... on Failure { message } } }`);
const BULK = graphql(`mutation ($gallery: String!, $archive: File!) {
  enrolInBulk(gallery: { name: $gallery }, source: { archive: $archive }) {
    __typename ... on Job { id total } ... on Failure { message } } }`);
const PROGRESS = graphql(`subscription ($id: ID!) {
  jobProgress(id: $id) { state total done refused secondsLeft } }`);
const REFUSED = graphql(`query ($id: ID!) {
  job(id: $id) { items(state: REFUSED, first: 100) { edges { node { name code } } } } }`);
const IDENTIFY = graphql(`query ($image: File!, $galleries: [GalleryBy!]) {
  identify(image: { file: $image }, galleries: $galleries, top: 3) { __typename
    ... on Identification { faces { match { distance face { id } identity { id name gallery { name } } } } }
    ... on Failure { message } } }`);
const ENROL = graphql(`mutation ($image: File!, $id: ID!) {
  enrolFace(image: { file: $image }, identity: { id: $id }) { __typename
    ... on Face { id } ... on Failure { message } } }`);
const REASSIGN = graphql(`mutation ($face: ID!, $to: ID!) {
  reassignFace(face: $face, to: { id: $to }) { __typename
    ... on EditedIdentity { edit { id } identity { name } } ... on Failure { message } } }`);
const UNDO = graphql(`mutation ($id: ID!) {
  undoEdit(id: $id) { __typename ... on Failure { message } } }`);
const OWNER = graphql(`query ($id: ID!) { node(id: $id) { ... on Face { identity { name } } } }`);
const PEOPLE = graphql(`query ($gallery: String!) { gallery(by: { name: $gallery }) {
  id faceCount identities(first: 100) { totalCount edges { node { id name } } } } }`);
const ERASE = graphql(`mutation ($id: ID!, $name: String!) {
  eraseIdentity(id: $id, confirmName: $name) { __typename
    ... on Erasure { hash receipt } ... on Failure { message } } }`);
const EVENTS = graphql(
  `query ($identity: ID!) { searchEvents(identity: $identity) { totalCount } }`,
);

/** Somebody with a photograph to enrol and another to be identified by. */
interface Person {
  readonly name: string;
  readonly gallery: (typeof GALLERIES)[number];
  readonly enrolled: string;
  readonly probe: string;
}

if (!existsSync(args.images)) {
  console.error(`walk: no folder ${args.images}: give --images DIR with a folder for each person`);
  process.exit(1);
}
const directory = await mkdtemp(join(tmpdir(), 'facegraph-walk-'));
const servers: Server[] = [];
try {
  await walk();
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  await rm(directory, { recursive: true });
}

async function walk() {
  const people = await choosePeople(Number(args.people));
  say(`${people.length} people of ${args.images}`);
  const here = await started('here');
  const client = createClient(`${here.origin}/graphql`, here.key);

  step('two galleries, enrolled in bulk');
  for (const name of GALLERIES) {
    expectOf(await client.run(CREATE, { name }), 'createGallery', 'Gallery');
    await enrolInBulk(client, name, people);
  }

  step('identify everybody on another photograph, in both galleries');
  const unknown = await identifyAll(client, people);

  step('a mistake: one face enrolled under somebody else, moved, moved back, moved again');
  await correct(client, people);

  step('export, erase somebody, and look for traces');
  const erased = people.find((person) => person.gallery === 'press' && !unknown.has(person.name))!;
  const before = await exported(here, client, 'before.tar');
  assert(before.includes(erased.name), 'the export holds everybody');
  const receipt = await erase(client, erased);
  say(`erased ${erased.name}: receipt ${receipt}`);
  const bundle = join(directory, 'after.tar');
  assert(!(await exported(here, client, 'after.tar')).includes(erased.name));
  const [match] = await identify(client, erased.probe);
  assert.notEqual(match?.identity.name, erased.name);
  say('no search finds the person any more, and the export, the log and the people have no trace');

  step('import elsewhere');
  const there = await started('there');
  const answer = await fetch(`${there.origin}/galleries`, {
    method: 'POST',
    headers: { 'x-api-key': there.key },
    body: await readFile(bundle),
  });
  assert.equal(answer.status, 201, await answer.clone().text());
  say(`imported: ${await answer.text()}`);
  const other = createClient(`${there.origin}/graphql`, there.key);
  const kept = people.find(
    ({ gallery, name }) => gallery === 'press' && name !== erased.name && !unknown.has(name),
  )!;
  const [found] = await identify(other, kept.probe, ['press']);
  assert.equal(found?.identity.name, kept.name);
  say(`${kept.name} is recognised there, at ${found?.distance.toFixed(3)}`);
  await noTraceInDatabase(here, erased);
  say('the database of the first server holds no row that names the erased person');
}

async function choosePeople(count: number): Promise<Person[]> {
  const people: Person[] = [];
  for (const name of (await readdir(args.images)).sort()) {
    const files = (await readdir(join(args.images, name))).sort();
    if (files.length < 2 || people.length === count) continue;
    people.push({
      name,
      gallery: GALLERIES[people.length % GALLERIES.length],
      enrolled: join(args.images, name, files[0]),
      probe: join(args.images, name, files[1]),
    });
  }
  assert.equal(people.length, count, `${args.images} has ${people.length} people of 2 photographs`);
  return people;
}

async function enrolInBulk(client: Client, gallery: Person['gallery'], people: readonly Person[]) {
  const folder = join(directory, gallery);
  const theirs = people.filter((person) => person.gallery === gallery);
  for (const { name, enrolled } of theirs) {
    await mkdir(join(folder, name), { recursive: true });
    await cp(enrolled, join(folder, name, 'photograph.jpg'));
  }
  const file = join(directory, `${gallery}.tgz`);
  await create(
    { cwd: folder, file, gzip: true },
    theirs.map(({ name }) => name),
  );
  const archive = await blob(file);
  const job = expectOf(await client.run(BULK, { gallery, archive }), 'enrolInBulk', 'Job');
  let last = '';
  for await (const { jobProgress } of client.subscribe(PROGRESS, { id: job.id })) {
    const { state, total, done, refused, secondsLeft } = jobProgress;
    last = state;
    const left = secondsLeft === null ? '' : `, ${Math.ceil(secondsLeft)} s left`;
    process.stdout.write(`\r  ${gallery}: ${done} of ${total}, ${refused} refused${left}      `);
  }
  process.stdout.write('\n');
  assert.equal(last, 'DONE');
  const refused = await client.run(REFUSED, { id: job.id });
  for (const { node } of refused.job?.items.edges ?? []) say(`refused ${node.name}: ${node.code}`);
}

async function identify(client: Client, path: string, galleries: readonly string[] = GALLERIES) {
  const by = galleries.map((name) => ({ name }));
  const answer = await client.run(IDENTIFY, { image: await blob(path), galleries: by });
  const { faces } = expectOf(answer, 'identify', 'Identification');
  return faces.flatMap(({ match }) => (match ? [match] : []));
}

/** Nobody may come back as somebody else; who is not recognised is counted. */
async function identifyAll(client: Client, people: readonly Person[]): Promise<Set<string>> {
  const unknown = new Set<string>();
  const wrong: string[] = [];
  for (const [i, { name, gallery, probe }] of people.entries()) {
    const matches = await identify(client, probe);
    const right = matches.some(
      ({ identity }) => identity.name === name && identity.gallery.name === gallery,
    );
    if (!right) unknown.add(name);
    for (const { identity, distance } of matches)
      if (identity.name !== name) wrong.push(`${name} as ${identity.name}, ${distance.toFixed(3)}`);
    process.stdout.write(`\r  ${i + 1} of ${people.length}`);
  }
  process.stdout.write('\n');
  say(`${people.length - unknown.size} recognised, ${unknown.size} unknown, ${wrong.length} wrong`);
  for (const line of wrong) say(`wrong: ${line}`);
  assert(unknown.size + wrong.length <= people.length / 5, 'most are recognised');
  return unknown;
}

async function correct(client: Client, people: readonly Person[]) {
  const { gallery } = await client.run(PEOPLE, { gallery: 'press' });
  const id = new Map(gallery?.identities.edges.map(({ node }) => [node.name, node.id]));
  const [whose, mistaken] = people.filter((person) => person.gallery === 'press');
  const owner = async (face: string) => {
    const { node } = await client.run(OWNER, { id: face });
    return node && 'identity' in node ? node.identity?.name : undefined;
  };
  const image = await blob(whose.probe);
  const enrolled = await client.run(ENROL, { image, id: id.get(mistaken.name)! });
  const face = expectOf(enrolled, 'enrolFace', 'Face');
  assert.equal(await owner(face.id), mistaken.name);
  const move = { face: face.id, to: id.get(whose.name)! };
  const first = expectOf(await client.run(REASSIGN, move), 'reassignFace', 'EditedIdentity');
  assert.equal(await owner(face.id), whose.name);
  say(`a face of ${whose.name}, enrolled as ${mistaken.name}, is moved`);
  const undone = await client.run(UNDO, { id: first.edit.id });
  assert(!('message' in undone.undoEdit), JSON.stringify(undone));
  assert.equal(await owner(face.id), mistaken.name);
  say('the move is taken back');
  expectOf(await client.run(REASSIGN, move), 'reassignFace', 'EditedIdentity');
  const [match] = await identify(client, whose.probe);
  assert.equal(match?.identity.name, whose.name);
  assert(match.distance < 1e-4, 'the very photograph is found');
  say(`and done again: the photograph is ${match.identity.name} at ${match.distance.toFixed(4)}`);
}

async function exported(server: Server, client: Client, file: string): Promise<string> {
  const { gallery } = await client.run(PEOPLE, { gallery: 'press' });
  const response = await fetch(`${server.origin}/galleries/${gallery?.id}/bundle`, {
    headers: { 'x-api-key': server.key },
  });
  assert.equal(response.status, 200);
  const path = join(directory, file);
  const bytes = Buffer.from(await response.arrayBuffer());
  await writeFile(path, bytes);
  return bytes.toString('latin1');
}

async function erase(client: Client, { name }: Person): Promise<string> {
  const { gallery } = await client.run(PEOPLE, { gallery: 'press' });
  const { id } = gallery!.identities.edges.map(({ node }) => node).find((n) => n.name === name)!;
  const searched = await client.run(EVENTS, { identity: id });
  assert(searched.searchEvents.totalCount > 0, 'the log knows who was found');
  const erasure = expectOf(await client.run(ERASE, { id, name }), 'eraseIdentity', 'Erasure');
  say(erasure.receipt);
  const { searchEvents } = await client.run(EVENTS, { identity: id });
  assert.equal(searchEvents.totalCount, 0);
  const after = await client.run(PEOPLE, { gallery: 'press' });
  assert(!after.gallery?.identities.edges.some(({ node }) => node.name === name));
  return erasure.hash;
}

/** Stops the server and reads every row of its database as text. */
async function noTraceInDatabase(server: Server, { name }: Person) {
  await server.stop();
  servers.splice(servers.indexOf(server), 1);
  const { PGlite } = await import('@electric-sql/pglite');
  const db = await PGlite.create(join(directory, 'here', 'pglite'));
  const tables = await db.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
  );
  assert(tables.rows.length > 8);
  for (const { name: table } of tables.rows) {
    const { rows } = await db.query(`SELECT 1 FROM "${table}" t WHERE t::text LIKE $1`, [
      `%${name}%`,
    ]);
    assert.equal(rows.length, 0, `${table} still names ${name}`);
  }
  await db.close();
}

async function started(name: string): Promise<Server> {
  const server = await startServer(join(directory, name));
  servers.push(server);
  say(`a server ${name}: ${server.origin}`);
  return server;
}

async function blob(path: string): Promise<Blob> {
  return new Blob([await readFile(path)]);
}

/** The answer of a field where it is what was hoped for. */
function expectOf<
  Field extends string,
  Member extends { __typename: string },
  Name extends Member['__typename'],
>(answer: Record<Field, Member>, field: Field, name: Name): Extract<Member, { __typename: Name }> {
  const value = answer[field];
  assert.equal(value.__typename, name, `${field}: ${JSON.stringify(value)}`);
  return value as Extract<Member, { __typename: Name }>;
}

function step(title: string) {
  console.log(`\n${title}`);
}

function say(line: string) {
  console.log(`  ${line}`);
}
