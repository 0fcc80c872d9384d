import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Tests import the source by the package's own names: one copy of every class.
  resolve: { conditions: ['hawser-source'] },
  ssr: { resolve: { conditions: ['hawser-source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A second, the default, is short on a machine that does more than this.
    expect: { poll: { timeout: 30_000 } },
    pool: 'forks',
    maxWorkers: 2,
  },
});
