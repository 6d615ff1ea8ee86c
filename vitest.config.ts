import { defineConfig } from 'vitest/config';

// One worker: there is one GPU, and lavapipe already uses every core.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: ['default'],
  },
});
