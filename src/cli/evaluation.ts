import { access, constants, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { FacegraphError } from '../errors.ts';
import type { Progress } from '../faces/evaluation/readFiles.ts';
import type { Row } from '../faces/evaluation/wording.ts';
import { imagesBelow } from '../faces/folder/photographs.ts';
import { say } from './failure.ts';
import { type DetectionOptions, detectionOptions, jsonOption } from './options.ts';
import { block, print } from './output.ts';
import { clearProgress, progress } from './progress.ts';

/** What every evaluation accepts. */
export interface EvaluationOptions extends DetectionOptions {
  readonly images: string;
  readonly json?: boolean;
  readonly html?: string;
}

/** Adds --images, --json, --html and the parameters of detection. */
export function evaluationOptions(command: Command, images: string): Command {
  command.requiredOption('--images <dir>', images);
  return detectionOptions(
    jsonOption(command).option('--html <file>', 'write a report, whole in one file'),
  );
}

/**
 * Every image below the folder of --images.
 * @throws FacegraphError `InvalidInput` when it is no folder or holds no image, or when --html could
 *   not be written at the end.
 */
export async function imagesOf({ images, html }: EvaluationOptions): Promise<string[]> {
  if (html !== undefined)
    await access(dirname(html), constants.W_OK).catch(({ code }) => {
      throw new FacegraphError('InvalidInput', `${html} cannot be written (${code})`);
    });
  return imagesIn(images);
}

/**
 * Every image below a folder.
 * @throws FacegraphError `InvalidInput` when it is no folder or holds no image.
 */
export async function imagesIn(folder: string): Promise<string[]> {
  const info = await stat(folder).catch(() => undefined);
  if (!info?.isDirectory()) throw new FacegraphError('InvalidInput', `no such folder: ${folder}`);
  const paths = await imagesBelow(folder);
  if (paths.length === 0) throw new FacegraphError('InvalidInput', `no images in ${folder}`);
  return paths;
}

/**
 * The text of a file that the command line names.
 * @throws FacegraphError `InvalidInput` when it cannot be read.
 */
export async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(({ code }) => {
    throw new FacegraphError('InvalidInput', `${path} cannot be read (${code})`);
  });
}

/** Says on stderr how far the images are. */
export const imageProgress: Progress = (done, total, path) =>
  done + 1 === total ? clearProgress() : progress('image', done, total, path);

/**
 * Prints a result, as one JSON document or as a table, and writes its report if one is asked for.
 * @param report made only when it is.
 */
export async function present(
  { json, html }: EvaluationOptions,
  result: object,
  [heading, rows]: readonly [heading: string, rows: readonly Row[]],
  report: () => Promise<string>,
): Promise<void> {
  print(json ? JSON.stringify(result) : block(heading, rows));
  if (html === undefined) return;
  await writeFile(html, await report()).catch(({ code }) => {
    throw new FacegraphError('InvalidInput', `${html} cannot be written (${code})`);
  });
  say(`report in ${html}`);
}
