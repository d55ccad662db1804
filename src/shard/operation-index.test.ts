import { describe, expect, test } from 'vitest';
import { simRandom } from '../../test/simulation/sim-random.ts';
import { OPERATION_IDS_MAX, OperationIndex } from './operation-index.ts';

describe('the index of own operation ids', () => {
  // @req: shard.op-id.own
  test('remembers every id of the window, and no other', () => {
    const random = simRandom(1);
    const index = new OperationIndex(60_000);
    const ids = Array.from({ length: 30_000 }, () => random.hex(8));
    for (const [at, id] of ids.entries()) index.set(id, at + 1, at);
    for (const [at, id] of ids.entries()) expect(index.get(id)).toBe(at + 1);
    for (let other = 0; other < 1_000; other += 1) expect(index.get(random.hex(8))).toBeUndefined();
  });

  test('takes seqs beyond 32 bits, ids of zeros, and the newest of one id', () => {
    const index = new OperationIndex(60_000);
    index.set('0000000000000000', 2 ** 40 + 5, 0);
    index.set('ffffffffffffffff', 2 ** 32, 0);
    expect(index.get('0000000000000000')).toBe(2 ** 40 + 5);
    expect(index.get('ffffffffffffffff')).toBe(2 ** 32);
    index.set('0000000000000000', 7, 1);
    expect(index.get('0000000000000000')).toBe(7);
  });

  // @req: limits.named
  test('is bounded: it has room again when the oldest are over', () => {
    const index = new OperationIndex(1_000);
    const idOf = (at: number): string => at.toString(16).padStart(16, '0');
    let at = 0;
    while (index.hasRoom(0)) {
      at += 1;
      index.set(idOf(at), at, 0);
    }
    expect(at).toBe(OPERATION_IDS_MAX);
    expect(index.hasRoom(1_000)).toBe(false);
    expect(index.get(idOf(1))).toBe(1);
    expect(index.hasRoom(1_001)).toBe(true);
    expect(index.get(idOf(1))).toBeUndefined();
    index.set(idOf(1), 9, 1_001);
    expect(index.get(idOf(1))).toBe(9);
  });
});
