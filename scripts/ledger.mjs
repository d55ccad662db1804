/**
 * Prints the promises that no test or scenario cites yet, grouped by area, and citations of unknown ids.
 * A report for people: the gate is test/requirements.test.ts. Usage: node scripts/ledger.mjs [--all]
 */
import { register } from 'tsx/esm/api';

const unregister = register();
const { REQUIREMENTS } = await import('../test/requirements.ts');
const { citationsIn, judge, mayCite } = await import('../test/requirements/citations.ts');
const { readSources } = await import('../test/tidy/source.ts');
await unregister();

const citations = readSources('.')
  .filter(({ path }) => mayCite(path))
  .flatMap(({ path, text }) => citationsIn(path, text));
const verdict = judge(REQUIREMENTS, citations);

const areaOf = ({ id }) => id.split('.')[0];
const shown = process.argv.includes('--all')
  ? REQUIREMENTS.filter(({ status }) => status !== 'deferred')
  : verdict.uncited;
for (const area of [...new Set(shown.map(areaOf))]) {
  console.log(`\n${area}`);
  for (const entry of shown.filter((candidate) => areaOf(candidate) === area)) {
    const places = citations.filter(({ id }) => id === entry.id);
    const state = entry.status ?? (places.length > 0 ? `held by ${places.length}` : 'uncited');
    console.log(`  ${entry.id}  [${entry.source}; ${state}]\n      ${entry.sentence}`);
  }
}
for (const { id, path, line } of verdict.unknown) console.log(`unknown id ${id}: ${path}:${line}`);
console.log(
  `\n${REQUIREMENTS.length} promises: ${verdict.held.length} held, ${verdict.uncited.length} uncited, ` +
    `${verdict.open.length} open, ${verdict.deferred.length} deferred, ${verdict.unknown.length} unknown`,
);
