import { defineConfig } from 'vitest/config';

// One worker: there is one GPU, and lavapipe already uses every core.
export default defineConfig({
  // As Node resolves it: otherwise vite takes the .mjs copy, and the packages around it the other one.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['test/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: ['default'],
  },
});
