import { createKey, type Scope } from '../../src/faces/keys.ts';
import type { Api } from './harness.ts';

/** The id of a node as the database knows it. */
export function rowId(nodeId: string): string {
  return Buffer.from(nodeId, 'base64').toString().split(':')[1];
}

/** Makes a gallery; returns its node id. */
export async function createGallery(api: Api, name: string, threshold?: number): Promise<string> {
  const query = `mutation ($name: String!, $threshold: Float) { createGallery(name: $name, threshold: $threshold) {
    ... on Gallery { id } ... on Failure { message } } }`;
  const { data } = await api.run(query, { variables: { name, threshold } });
  return data.createGallery.id;
}

/** Enrols the only face of an image for somebody new; returns the node ids. */
export async function enrolNew(
  api: Api,
  gallery: string,
  name: string,
  image: Uint8Array<ArrayBuffer>,
): Promise<{ id: string; identity: { id: string } }> {
  const query = `mutation ($image: ImageInput!, $gallery: GalleryBy!, $name: String!) {
    enrolFace(image: $image, identity: { new: { gallery: $gallery, name: $name } }) {
      ... on Face { id identity { id } } ... on Failure { message } } }`;
  const variables = { gallery: { id: gallery }, name };
  const { data } = await api.run(query, { variables, files: { 'image.file': image } });
  return data.enrolFace;
}

/** A key that is bound to galleries. */
export function boundKey(api: Api, galleries: readonly string[], ...scopes: Scope[]) {
  const bound = { label: 'bound', scopes, galleries: galleries.map(rowId) };
  return createKey(api.database.client, bound);
}
