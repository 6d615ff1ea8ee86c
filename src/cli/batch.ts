import { expandFolders, type Photograph, photographs } from '../faces/folder/photographs.ts';
import { explain, report } from './failure.ts';
import { listing } from './output.ts';
import { clearProgress, progress } from './progress.ts';

/** What a verb says about one photograph: for programs and for people. */
export interface Answer {
  readonly value: object;
  readonly text: string;
}

/**
 * Runs a verb over files and folders and lists the answers on stdout. A file that fails is listed
 * as `{image, ...blank, error}`, reported on stderr and leaves exit code 1; the others go on.
 */
export async function eachPhotograph(
  paths: readonly string[],
  json: boolean,
  blank: object,
  work: (photograph: Photograph) => Promise<Answer>,
): Promise<void> {
  const files = await expandFolders(paths);
  const list = listing(json);
  const silent = files.length === 1 || process.stdout.isTTY;
  let done = 0;
  for await (const photograph of photographs(files)) {
    const { path } = photograph;
    if (!silent) progress('image', done, files.length, path);
    try {
      if ('error' in photograph) throw photograph.error;
      const { value, text } = await work(photograph);
      clearProgress();
      list.item(value, text);
    } catch (error) {
      clearProgress();
      report(error, path);
      if (json) list.item({ image: path, ...blank, error: explain(error) }, '');
    }
    done++;
  }
  list.end();
}
