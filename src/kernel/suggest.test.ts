/** "Did you mean": near names, and none when nothing is near. */
import { expect, test } from 'vitest';
import { nearest } from './suggest.ts';

const KNOWN = ['read_only', 'dead_after', 'min_nodes', 'ttl'];

test.each([
  ['read_onyl', 'read_only'],
  ['READ_ONLY', 'read_only'],
  ['deadafter', 'dead_after'],
  ['min_node', 'min_nodes'],
  ['tl', 'ttl'],
  ['colour', undefined],
  ['x', undefined],
  ['', undefined],
])('the name nearest to %j is %j', (given, near) => {
  expect(nearest(given, KNOWN)).toBe(near);
});
