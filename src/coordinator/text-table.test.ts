/** Tables: columns chosen, rows sorted, aligned or as JSON. */
import { expect, test } from 'vitest';
import { aligned, chosen, shownRows } from './text-table.ts';

const table = {
  columns: ['id', 'shards', 'zone'],
  rows: [
    { id: 'node-10', shards: '9', zone: '-' },
    { id: 'node-2', shards: '10', zone: 'a' },
    { id: 'node-1', shards: '9', zone: 'b' },
  ],
};
const ids = (sort: string): (string | undefined)[] =>
  chosen(table, undefined, sort).rows.map((row) => row.id);

// @req: cluster.cat.options
test('columns are shown as wanted, in the wanted order', () => {
  expect(aligned(chosen(table, 'zone,id', undefined), true)).toBe(
    ['zone  id', '-     node-10', 'a     node-2', 'b     node-1', ''].join('\n'),
  );
  expect(aligned(chosen(table, undefined, undefined), false)).toBe(
    ['node-10  9   -', 'node-2   10  a', 'node-1   9   b', ''].join('\n'),
  );
});

test('numbers sort as numbers, names as names, in both directions and by several columns', () => {
  expect(ids('shards')).toEqual(['node-10', 'node-1', 'node-2']);
  expect(ids('shards:desc,id')).toEqual(['node-2', 'node-1', 'node-10']);
  expect(ids('zone:asc')).toEqual(['node-10', 'node-2', 'node-1']);
});

test('JSON has the chosen columns only', () => {
  expect(shownRows(chosen(table, 'id', undefined))).toEqual([
    { id: 'node-10' },
    { id: 'node-2' },
    { id: 'node-1' },
  ]);
});

test.each([
  ['h', 'shard', undefined, 'did you mean shards'],
  ['s', undefined, 'nothing', 'The columns are id, shards, zone'],
  ['s with a direction', undefined, 'id:up', 'neither'],
])('an unknown %s is refused with what there is', (_which, columns, sort, words) => {
  expect(() => chosen(table, columns, sort)).toThrow(words);
});

test('an empty table is an empty text, or its headings', () => {
  const empty = { columns: ['id'], rows: [] };
  expect(aligned(empty, false)).toBe('');
  expect(aligned(empty, true)).toBe('id\n');
});
