/** What `make test` and `make start-test` promise, read from their own files: they cannot run inside a test. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import config from '../vitest.config.ts';

const root = join(import.meta.dirname, '..');
const text = (path: string): string => readFileSync(join(root, path), 'utf8');

// @req: make.test
test('make test installs, builds, checks and runs every suite', () => {
  const makefile = text('Makefile');
  expect(makefile).toMatch(/^test: build\b/m);
  expect(makefile).toMatch(/^build: \$\(INSTALLED\)/m);
  expect(makefile).toMatch(/npm ci\b/);
  const script = text('scripts/test.mjs');
  for (const step of ['biome', 'tsc', 'walls.mjs', 'knip', 'cucumber-js']) {
    expect(script, step).toContain(step);
  }
  const projects = config.test?.projects as { test: { name: string } }[];
  for (const { test: project } of projects) expect(script).toContain(`'${project.name}'`);
  expect(text('.ci/run')).toMatch(/\bmake test\b/);
});

// @req: make.test.reports
test('make test leaves JUnit, Cucumber HTML and JSON, and lcov in reports/', () => {
  expect(text('scripts/test.mjs')).toMatch(/reports\/junit\.xml/);
  expect(text('cucumber.mjs')).toContain('html:reports/cucumber.html');
  expect(text('cucumber.mjs')).toContain('json:reports/cucumber.json');
  expect(config.test?.coverage).toMatchObject({ reportsDirectory: 'reports/coverage' });
  expect(JSON.stringify(config.test?.coverage)).toContain('lcov');
});

// @req: tests.coverage
test('less than nine tenths of the branches in cluster, log and shard turn make test red', () => {
  const thresholds = { 'src/cluster/**': { branches: 90 }, 'src/log/**': { branches: 90 } };
  const shard = { 'src/shard/**': { branches: 90 } };
  expect(config.test?.coverage).toMatchObject({ thresholds: { ...thresholds, ...shard } });
  expect(text('scripts/test.mjs')).toContain('--coverage');
});

// @req: make.start-test
test('make start-test uses ports 18080 to 18083, checks each 500 ms and throw-away data', () => {
  const lines = text('Procfile.test')
    .split('\n')
    .filter((line) => /^[\w-]+:/.test(line));
  expect(lines).toHaveLength(4);
  for (const [place, line] of lines.entries()) {
    expect(line).toContain(`127.0.0.1:${18_080 + place}`);
    expect(line).toContain('HEALTH_CHECK_INTERVAL=500ms');
    expect(line).toContain('ALLOW_RESET=true');
    expect(line).toContain('TEST_DATA');
  }
  expect(text('Makefile')).toMatch(/^start-test: build.*\n\t@node scripts\/start\.mjs --test/m);
});

// @req: testing.one-harness
test('our features play on the harness that the package exports', () => {
  expect(text('features/support/harness.ts')).toContain("'../../src/testing/cucumber.ts'");
  expect(JSON.parse(text('package.json')).exports['./cucumber'].default).toMatch(
    /testing\/cucumber/,
  );
});
