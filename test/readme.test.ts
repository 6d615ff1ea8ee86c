import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { speedTable } from '../bench/table.ts';
import { schema } from '../src/api/schema.ts';
import { failureTable, scopeTable } from './support/tables.ts';

const README = resolve(import.meta.dirname, '../README.md');

// After an intended change: UPDATE_README=1 npx vitest run test/readme.test.ts
describe('README', () => {
  it.each([
    ['scopes', scopeTable],
    ['failures', failureTable],
  ])('has the table of %s that the schema makes', async (name, make) => {
    const text = await readFile(README, 'utf8');
    const part = new RegExp(`(<!-- ${name} -->\n)([^]*?)(\n<!-- /${name} -->)`);
    const found = part.exec(text);
    expect(found, `README.md has no <!-- ${name} --> … <!-- /${name} -->`).not.toBeNull();
    const made = make(schema);
    if (process.env.UPDATE_README) await writeFile(README, text.replace(part, `$1${made}$3`));
    else expect(found![2]).toBe(made);
  });

  it('has the table of speed of the results that it names', async () => {
    const text = await readFile(README, 'utf8');
    const part = /(<!-- speed: (bench\/results\/\S+\.json) -->\n)([\s\S]*?)(\n<!-- \/speed -->)/;
    const found = part.exec(text)!;
    const { results } = JSON.parse(await readFile(resolve(README, '..', found[2]), 'utf8'));
    const made = speedTable(results);
    if (process.env.UPDATE_README) await writeFile(README, text.replace(part, `$1${made}$4`));
    else expect(found[3]).toBe(made);
  });
});
