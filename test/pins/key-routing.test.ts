/** Which shard a key belongs to, as literals: data lies where these say. Source: REST contract, section 2. */
import { describe, expect, test } from 'vitest';
import { fnv1a32, shardOfKey } from '../../src/kernel/fnv1a.ts';

describe('FNV-1a, 32 bits', () => {
  // Source: the published vectors of the hash, by its authors.
  test.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['b', 0xe70c2de5],
    ['foobar', 0xbf9cf968],
  ])('of %j is %i', (text, hash) => {
    expect(fnv1a32(text)).toBe(hash);
  });
});

// @req: kv.routing.fnv
// @req: house.pins
describe('with 4 shards', () => {
  test.each([
    ['greeting', 2],
    ['key1', 3],
    ['key2', 2],
    ['key3', 1],
    ['key4', 0],
    ['important', 1],
    ['数字', 3],
    ['path/to/resource', 3],
    ['key-with-spaces here', 1],
    ['traceable', 2],
  ])('%j lies in shard %i', (key, shard) => {
    expect(shardOfKey(key, 4)).toBe(shard);
  });
});
