/** The numbers that the continuous integration ends with are those of the reports. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { countCucumber, countJunit, countReports, junitOf } from '../../scripts/reports.mjs';

test('a junit report counts passed and failed, and skipped as neither', () => {
  const text = `<testsuites name="v" tests="9" failures="2" errors="0">
    <testsuite name="a" tests="5" failures="1" errors="0" skipped="1" time="1"><testcase name="x"/></testsuite>
    <testsuite name="b" tests="4" failures="0" errors="1" skipped="0"></testsuite></testsuites>`;
  expect(countJunit(text)).toEqual({ passed: 6, failed: 2 });
});

test('a scenario fails with any of its steps and hooks, and is skipped as a whole', () => {
  const element = (...statuses: string[]) => ({
    type: 'scenario',
    steps: statuses.map((status) => ({ result: { status } })),
  });
  const elements = [
    element('passed', 'passed'),
    element('passed', 'failed', 'skipped'),
    element('skipped'),
    element('undefined'),
  ];
  expect(countCucumber([{ elements }, {}])).toEqual({ passed: 1, failed: 2 });
});

test('the checks report is a junit report', () => {
  const text = junitOf([
    { name: 'a <b>', ok: true, seconds: 1 },
    { name: 'c', ok: false, seconds: 2 },
  ]);
  expect(countJunit(text)).toEqual({ passed: 1, failed: 1 });
  expect(text).toContain('a &#60;b&#62;');
});

test('the sum is over the files of the folder, beside the folder of the coverage', () => {
  const folder = mkdtempSync(join(tmpdir(), 'torua-reports-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'junit.xml'), junitOf([{ name: 'a', ok: true, seconds: 1 }]));
  writeFileSync(join(folder, 'cucumber.json'), 'half a rep');
  mkdirSync(join(folder, 'coverage'));
  expect(countReports(folder)).toEqual({ passed: 1, failed: 1 });
});
