/**
 * What can be measured: `npm run bench` compares with onnxruntime; `npm run bench -- soak`, `ready`,
 * `search`, `search-scale`, `masks` and `server` do what their files say. Further arguments are theirs.
 */
const BENCHES: Record<string, () => Promise<unknown>> = {
  compare: () => import('./compare.ts'),
  soak: () => import('./soak.ts'),
  ready: () => import('./ready.ts'),
  search: () => import('./search.ts'),
  'search-scale': () => import('./searchScale.ts'),
  masks: () => import('./masks.ts'),
  server: () => import('./server.ts'),
};

const [first = 'compare'] = process.argv.slice(2);
const name = first.startsWith('-') ? 'compare' : first;
if (!(name in BENCHES)) {
  console.error(`bench: there is no ${name}; there are ${Object.keys(BENCHES).join(', ')}`);
  process.exit(1);
}
await BENCHES[name]();
