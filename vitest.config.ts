/** Test projects: `unit` needs no engine, `kuzu` loads it (forks only: threads crash it), the rest are slower suites. */
import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], testTimeout: number, exclude: string[] = []) => ({
  test: {
    name,
    include,
    exclude: ['**/node_modules/**', ...exclude],
    pool: 'forks' as const,
    testTimeout,
    hookTimeout: testTimeout,
  },
});

export default defineConfig({
  test: {
    projects: [
      project(
        'unit',
        ['src/**/*.test.ts', 'test/{pins,rooms}/**/*.test.ts', 'test/*.test.ts'],
        10_000,
        ['src/**/*.kuzu.test.ts'],
      ),
      project('kuzu', ['src/**/*.kuzu.test.ts'], 60_000),
      project('contract', ['test/contract/**/*.test.ts'], 60_000),
      project('integration', ['test/integration/**/*.test.ts'], 120_000),
      project('simulation', ['test/simulation/**/*.test.ts'], 600_000),
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.test.ts', 'src/**/*.examples.ts'],
      reportsDirectory: 'reports/coverage',
      reporter: ['text-summary', 'lcov', 'json-summary'],
      // The rooms in which a branch that nobody tried can lose data.
      thresholds: Object.fromEntries(
        ['cluster', 'log', 'shard'].map((room) => [`src/${room}/**`, { branches: 90 }]),
      ),
    },
  },
});
