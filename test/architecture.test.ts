import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');

// A file may import from its own layer and from those before it.
const LAYERS = ['errors', 'gpu', 'kernels', 'engine', 'faces', 'api', 'config', 'main', 'cli'];

interface Source {
  /** Path below src, with slashes. */
  readonly path: string;
  readonly layer: number;
  readonly lines: number;
  readonly tree: ts.SourceFile;
  /** Imported files, as paths below src. */
  readonly imports: readonly string[];
  /** Imported packages. */
  readonly packages: readonly string[];
  /** Of both, those that are loaded as soon as this file is. */
  readonly atOnce: readonly string[];
}

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.startsWith('generated'))
  .map(read);
const byPath = new Map(sources.map((source) => [source.path, source]));

describe('architecture', () => {
  it('has only files of known layers', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(sources.filter(({ layer }) => layer < 0).map(({ path }) => path)).toEqual([]);
  });

  it('imports only downwards: cli → api → faces → engine → kernels → gpu', () => {
    const upward = sources.flatMap(({ path, layer, imports }) =>
      imports.filter((to) => layerOf(to) > layer).map((to) => `${path} → ${to}`),
    );
    expect(upward).toEqual([]);
  });

  it('has no cycle', () => {
    expect(cycle()).toEqual([]);
  });

  it('says GPU* at run time and loads webgpu only in src/gpu', () => {
    const outside = sources.filter(({ path }) => !path.startsWith('gpu/'));
    const found = outside.flatMap(({ path, tree, packages }) => [
      ...gpuValues(tree).map((name) => `${path}: ${name}`),
      ...packages.filter((name) => name === 'webgpu').map((name) => `${path}: ${name}`),
    ]);
    expect(found).toEqual([]);
  });

  // HDF5 is 66 MB of code and source map, and the 13 MB of the former are transformed at each start.
  it('loads no HDF5 into a server', () => {
    const reached = new Set(['main.ts']);
    for (const path of reached)
      for (const next of byPath.get(path)?.atOnce ?? []) reached.add(next);
    expect(reached.size).toBeGreaterThan(200);
    expect([...reached].filter((name) => name.startsWith('h5wasm'))).toEqual([]);
  });

  it('compares embeddings in one place only', () => {
    const pattern = /\bcosine(Distance|Similarity)?\s*=|function cosine(Distance|Similarity)?\(/i;
    const found = sources.filter(({ tree }) => pattern.test(tree.text)).map(({ path }) => path);
    expect(found).toEqual(['faces/distance.ts']);
  });

  it('has no barrel: nothing is exported from elsewhere', () => {
    const barrels = sources.filter(({ tree }) =>
      tree.statements.some((s) => ts.isExportDeclaration(s) && s.moduleSpecifier !== undefined),
    );
    expect(barrels.map(({ path }) => path)).toEqual([]);
  });

  it('has no file over 300 lines (200 is the target)', () => {
    const long = sources
      .filter(({ lines }) => lines >= 200)
      .map(({ path, lines }) => `${path} ${lines}`);
    if (long.length > 0) console.info(`files of 200 lines and more: ${long.join(', ')}`);
    expect(sources.filter(({ lines }) => lines > 300).map(({ path }) => path)).toEqual([]);
  });
});

function read(path: string): Source {
  const text = readFileSync(join(SRC, path), 'utf8');
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const all = specifiers(tree);
  const local = all.filter((name) => name.startsWith('.'));
  const imports = local
    .map((name) => below(path, name))
    .filter((to) => to.endsWith('.ts') && !to.startsWith('generated') && !to.startsWith('..'));
  return {
    path: path.replaceAll('\\', '/'),
    layer: layerOf(path),
    lines: text.trimEnd().split('\n').length,
    tree,
    imports,
    packages: all.filter((name) => !name.startsWith('.')),
    atOnce: tree.statements.flatMap((one) => {
      const from =
        ts.isImportDeclaration(one) && !one.importClause?.isTypeOnly && one.moduleSpecifier;
      if (!from || !ts.isStringLiteral(from)) return [];
      return from.text.startsWith('.') ? below(path, from.text) : from.text;
    }),
  };
}

function below(path: string, specifier: string): string {
  return relative(SRC, resolve(dirname(join(SRC, path)), specifier)).replaceAll('\\', '/');
}

function layerOf(path: string): number {
  return LAYERS.indexOf(path.split(/[\\/]/)[0].replace(/\.ts$/, ''));
}

// Static imports, `import()` in expressions and `import('…')` in types.
function specifiers(tree: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const name =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined;
    if (name && ts.isStringLiteral(name)) found.push(name.text);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

// GPU… identifiers that are values: types vanish before the program runs.
function gpuValues(tree: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
      return;
    if (ts.isImportDeclaration(node)) return;
    if (ts.isIdentifier(node) && /^GPU[A-Z]/.test(node.text)) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

function cycle(): string[] {
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]): string[] => {
    if (above.includes(path)) return [...above.slice(above.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const to of byPath.get(path)?.imports ?? []) {
      const found = visit(to, [...above, path]);
      if (found.length > 0) return found;
    }
    done.add(path);
    return [];
  };
  for (const { path } of sources) {
    const found = visit(path, []);
    if (found.length > 0) return found;
  }
  return [];
}
