/** The gate of the ledger: a promise without a test is red, and so is a citation of a promise nobody made. */
import { describe, expect, test } from 'vitest';
import { citationsIn, judge, mayCite } from './requirements/citations.ts';
import type { Requirement } from './requirements/requirement.ts';
import { OPEN_UNKNOWN, REQUIREMENTS } from './requirements.ts';
import { readSources } from './tidy/source.ts';

const entry = (id: string, status?: Requirement['status']): Requirement => ({
  id,
  sentence: `${id} holds.`,
  source: 'issue 2',
  ...(status === undefined ? {} : { status, reason: 'Later.' }),
});

describe('citations', () => {
  test('a tag of a scenario is one', () => {
    const text = 'Feature: a\n  @procs @req:kv.put.stored @req:kv.get.bytes\n  Scenario: b\n';
    expect(citationsIn('features/a.feature', text)).toEqual([
      { id: 'kv.put.stored', path: 'features/a.feature', line: 2 },
      { id: 'kv.get.bytes', path: 'features/a.feature', line: 2 },
    ]);
  });

  test('a comment line above a test is one', () => {
    const text = "  // @req: kv.put.if-match, kv.head\n  test('a', b);\n";
    expect(citationsIn('src/a.test.ts', text).map(({ id }) => id)).toEqual([
      'kv.put.if-match',
      'kv.head',
    ]);
  });

  test('a title, a string or a half comment is none', () => {
    const text = "test('@req: kv.head', a);\nconst b = '// @req: kv.head';\n// see @req: kv.head\n";
    expect(citationsIn('src/a.test.ts', text)).toEqual([]);
  });

  test('only tests, scenarios and benchmarks count', () => {
    expect(mayCite('src/log/log.test.ts')).toBe(true);
    expect(mayCite('features/a.feature')).toBe(true);
    expect(mayCite('src/log/log.ts')).toBe(false);
    expect(mayCite('test/requirements/keys.ts')).toBe(false);
  });
});

describe('the verdict', () => {
  const cite = (id: string) => ({ id, path: 'src/a.test.ts', line: 1 });

  test('a cited promise is held, one without a test is not', () => {
    const verdict = judge([entry('a'), entry('b')], [cite('a')]);
    expect(verdict.held.map(({ id }) => id)).toEqual(['a']);
    expect(verdict.uncited.map(({ id }) => id)).toEqual(['b']);
  });

  test('an unknown id is found', () => {
    expect(judge([entry('a')], [cite('a'), cite('c')]).unknown).toEqual([cite('c')]);
  });

  test('an open or deferred promise needs no test, and must not have one', () => {
    const verdict = judge([entry('a', 'open'), entry('b', 'deferred')], [cite('b')]);
    expect(verdict.uncited).toEqual([]);
    expect(verdict.outdated.map(({ id }) => id)).toEqual(['b']);
  });
});

describe('the ledger', () => {
  const citations = readSources('.')
    .filter(({ path }) => mayCite(path))
    .flatMap(({ path, text }) => citationsIn(path, text));
  const verdict = judge(REQUIREMENTS, citations);

  test('names each promise once, in a sentence, with its source', () => {
    const ids = REQUIREMENTS.map(({ id }) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect(ids.filter((id) => !/^[a-z0-9]+([.-][a-z0-9]+)+$/.test(id))).toEqual([]);
    const shapeless = REQUIREMENTS.filter(
      ({ sentence, source }) => !/\.$/.test(sentence) || source === '',
    );
    expect(shapeless).toEqual([]);
  });

  test('gives a reason for what is open or deferred', () => {
    expect(REQUIREMENTS.filter(({ status, reason }) => status && !reason)).toEqual([]);
  });

  // @req: house.ledger
  test('knows every id that is cited', () => {
    expect(verdict.unknown).toEqual([]);
    expect(OPEN_UNKNOWN).toEqual([]);
  });

  test('has a test for every promise that is not open or deferred', () => {
    const { held, open, deferred } = verdict;
    const count = `${held.length} held, ${open.length} open, ${deferred.length} deferred`;
    console.info(`requirements: ${count}`);
    for (const { id, reason } of open) console.info(`open: ${id} (${reason})`);
    expect(verdict.uncited.map(({ id }) => id)).toEqual([]);
  });

  test('calls nothing open or deferred that a test holds', () => {
    expect(verdict.outdated.map(({ id }) => id)).toEqual([]);
  });
});
