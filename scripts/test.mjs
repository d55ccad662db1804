/**
 * `make test` after the build: every check and every suite, also when an earlier one failed, so that one run tells
 * everything. Results go to reports/; the last line adds them up; the exit code says whether all is green.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { countCucumber, countJunit, countReports, junitOf } from './reports.mjs';

const startedAt = Date.now();
rmSync('reports', { recursive: true, force: true });
mkdirSync('reports', { recursive: true });

const bin = 'node_modules/.bin';
const checks = [
  check('format and lint (biome)', `${bin}/biome`, ['check', '.']),
  check('types (tsc)', `${bin}/tsc`, ['--noEmit', '-p', 'tsconfig.json']),
  check('walls between rooms', process.execPath, ['scripts/walls.mjs']),
  check('unused code (knip)', `${bin}/knip`, []),
  vitest('vitest', 'reports/junit.xml', [
    ...['unit', 'kuzu', 'contract', 'simulation'].flatMap((name) => ['--project', name]),
    '--coverage',
  ]),
  // Real processes and real seconds: one file at a time, with nothing else on the machine.
  vitest('vitest, real processes', 'reports/junit-integration.xml', [
    '--project',
    'integration',
    '--no-file-parallelism',
  ]),
  suite(
    'cucumber',
    'reports/cucumber.json',
    (text) => countCucumber(JSON.parse(text)),
    `${bin}/cucumber-js`,
    [],
    {
      NODE_OPTIONS: '--import tsx',
    },
  ),
];
writeFileSync('reports/checks.xml', junitOf(checks));

const { passed, failed } = countReports('reports');
const seconds = Math.round((Date.now() - startedAt) / 1_000);
for (const { name } of checks.filter(({ ok }) => !ok)) console.log(`failed: ${name}`);
console.log(
  `make test: ${passed} passed, ${failed} failed, in ${Math.floor(seconds / 60)} min ${seconds % 60} s`,
);
process.exitCode = failed === 0 ? 0 : 1;

function check(name, file, words, environment = {}) {
  const began = Date.now();
  console.log(`\n== ${name}`);
  const { status } = spawnSync(file, words, {
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  return { name, ok: status === 0, seconds: (Date.now() - began) / 1_000 };
}

function vitest(name, report, words) {
  const reporters = ['--reporter=default', '--reporter=junit', `--outputFile.junit=${report}`];
  return suite(name, report, countJunit, `${bin}/vitest`, ['run', ...words, ...reporters]);
}

/** A suite counts in its own report. As a check it fails only for what the report does not show, such as a crash. */
function suite(name, report, count, file, words, environment) {
  const result = check(name, file, words, environment);
  if (result.ok) return { ...result, name: `${name} ran to its end`, ok: existsSync(report) };
  let told = false;
  try {
    told = count(readFileSync(report, 'utf8')).failed > 0;
  } catch {
    // No report, or half of one: the suite did not get to its end.
  }
  return { ...result, name: `${name} ran to its end`, ok: told };
}
