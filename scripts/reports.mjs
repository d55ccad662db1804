/** Adds up the results in reports/: JUnit files of vitest and of the checks, JSON of Cucumber. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Number of results that passed and failed; skipped ones are neither. A report that cannot be read counts as failed. */
export function countReports(directory) {
  const sum = { passed: 0, failed: 0 };
  const entries = existsSync(directory) ? readdirSync(directory, { withFileTypes: true }) : [];
  // reports/coverage is a folder, and it is there only when every unit test passed.
  for (const { name } of entries.filter((entry) => entry.isFile())) {
    const counts = countReport(name, readFileSync(`${directory}/${name}`, 'utf8'));
    sum.passed += counts.passed;
    sum.failed += counts.failed;
  }
  return sum;
}

function countReport(name, text) {
  try {
    if (name.endsWith('.xml')) return countJunit(text);
    if (name === 'cucumber.json') return countCucumber(JSON.parse(text));
  } catch {
    return { passed: 0, failed: 1 };
  }
  return { passed: 0, failed: 0 };
}

/** The numbers of each `<testsuite>`; a suite that could not be loaded is one error. */
export function countJunit(text) {
  const sum = { passed: 0, failed: 0 };
  for (const [suite] of text.matchAll(/<testsuite\s[^>]*>/g)) {
    const number = (name) => Number(new RegExp(`\\s${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
    const failed = number('failures') + number('errors');
    sum.failed += failed;
    sum.passed += Math.max(0, number('tests') - failed - number('skipped'));
  }
  return sum;
}

/** One result per scenario: failed when any step or hook is, passed when all are. */
export function countCucumber(features) {
  const sum = { passed: 0, failed: 0 };
  for (const { elements = [] } of features) {
    for (const { type, steps = [] } of elements) {
      if (type === 'background') continue;
      const statuses = steps.map((step) => step.result?.status);
      if (
        statuses.some((status) => ['failed', 'ambiguous', 'undefined', 'pending'].includes(status))
      )
        sum.failed += 1;
      else if (!statuses.includes('skipped')) sum.passed += 1;
    }
  }
  return sum;
}

/** A JUnit file with one test case per check. */
export function junitOf(checks) {
  const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const cases = checks.map(({ name, ok, seconds }) =>
    ok
      ? `    <testcase classname="checks" name="${escaped(name)}" time="${seconds}"/>`
      : `    <testcase classname="checks" name="${escaped(name)}" time="${seconds}"><failure message="see the log"/></testcase>`,
  );
  const failures = checks.filter((check) => !check.ok).length;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="checks" tests="${checks.length}" failures="${failures}" errors="0" skipped="0">
${cases.join('\n')}
  </testsuite>
</testsuites>
`;
}
