import { expect, test } from 'vitest';
import { engineError, failureOf } from './failures.ts';
import { loadClause, quotedPath } from './statement-text.ts';

test('a path is quoted, and one the engine would take as a pattern is refused', () => {
  expect(quotedPath("/data/it's a \\ path é")).toBe("'/data/it\\'s a \\\\ path é'");
  for (const path of ['/a*', '/a?', '/[a]', '/{a}'])
    expect(() => quotedPath(path)).toThrow('config_invalid');
});

test('a load states the type of every column', () => {
  expect(loadClause('/x.json', { k: 'STRING', bytes: 'INT64' })).toBe(
    "LOAD WITH HEADERS (k STRING, bytes INT64) FROM '/x.json'",
  );
  expect(() => loadClause('/x.json', { 'a b': 'STRING' })).toThrow('invariant_broken');
});

test.each([
  [
    'Buffer manager exception: Unable to allocate memory! The buffer pool is full and no memory could be freed!',
    'pool_full',
    'overloaded',
  ],
  ['IO exception: Cannot write to file. Error: No space left on device', 'disk_full', 'disk_full'],
  ['Interrupted.', 'interrupted', 'deadline_exceeded'],
  ['Runtime exception: Found duplicated primary key value 1', 'other', 'storage_failed'],
])('%s is %s and answered as %s', (text, failure, code) => {
  const error = engineError(new Error(text), 'testing');
  expect([failureOf(new Error(text)), failureOf(error), error.code]).toEqual([
    failure,
    failure,
    code,
  ]);
});
