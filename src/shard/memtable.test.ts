import { describe, expect, test } from 'vitest';
import { seq } from '../kernel/ids.ts';
import { Memtable, storeChangeOf } from './memtable.ts';
import type { StoredValue } from './store.ts';

const storedOf = (text: string): StoredValue => ({
  contentType: '',
  etag: '0'.repeat(32),
  bytes: text.length,
  expiresAtMs: 0,
  value: Buffer.from(text),
});
const put = (memtable: Memtable, key: string, at: number, text = 'x') =>
  memtable.set(key, { stored: storedOf(text), seq: seq(at) });
const memtableOf = (limits: { bytesMax?: number; rowsMax?: number } = {}) =>
  new Memtable({ bytesMax: 1 << 20, rowsMax: 10, ...limits }, seq(0));
const outcome = { opId: 'o', recordedAtMs: 1, fingerprint: '', answer: '' };

describe('a memtable', () => {
  test('shows the newest change of a key from both generations', () => {
    const memtable = memtableOf();
    put(memtable, 'a', 1, 'old');
    put(memtable, 'b', 2, 'old');
    memtable.swap();
    put(memtable, 'a', 3, 'new');
    memtable.set('c', { stored: undefined, seq: seq(4) });
    expect(memtable.get('a')?.seq).toBe(3);
    expect(memtable.get('b')?.seq).toBe(2);
    expect(memtable.get('c')).toEqual({ stored: undefined, seq: 4 });
    expect(memtable.get('d')).toBeUndefined();
    const entries = Array.from(memtable.entries(), ([key, { seq: at }]) => `${key}${at}`);
    expect(entries.sort()).toEqual(['a3', 'b2', 'c4']);
    memtable.applied();
    expect(memtable.get('b')).toBeUndefined();
    expect(memtable.rows).toBe(2);
  });

  test('hands over one change a key, with everything up to its seq', () => {
    const memtable = memtableOf();
    put(memtable, 'a', 1);
    put(memtable, 'a', 2);
    memtable.note(outcome);
    memtable.pass(seq(3));
    const generation = memtable.swap();
    expect(generation).toMatchObject({ seq: 3, outcomes: [outcome] });
    expect(generation.changes.map(({ key, seq: at }) => [key, at])).toEqual([['a', 2]]);
    expect([memtable.lastSeq, memtable.storedSeq]).toEqual([3, 0]);
    memtable.applied();
    expect(memtable.storedSeq).toBe(3);
  });

  test('takes a generation back below what came since', () => {
    const memtable = memtableOf();
    put(memtable, 'a', 1, 'old');
    put(memtable, 'b', 2, 'b');
    memtable.note(outcome);
    memtable.swap();
    put(memtable, 'a', 3, 'newer');
    memtable.note({ ...outcome, opId: 'p' });
    const { bytes } = memtable;
    memtable.unswap();
    expect(memtable.bytes).toBe(bytes - memtableBytesOf('a', 'old'));
    expect([memtable.lastSeq, memtable.storedSeq, memtable.activeRows]).toEqual([3, 0, 2]);
    const again = memtable.swap();
    expect(again.changes.map(({ key, seq: at }) => `${key}${at}`).sort()).toEqual(['a3', 'b2']);
    expect(again.outcomes.map(({ opId }) => opId)).toEqual(['o', 'p']);
  });

  const memtableBytesOf = (key: string, text: string): number => {
    const memtable = memtableOf();
    put(memtable, key, 1, text);
    return memtable.bytes;
  };

  // @req: shard.apply.bounded
  test.each([
    ['rows', { rowsMax: 2 }, (memtable: Memtable) => put(memtable, 'b', 2)],
    ['bytes', { bytesMax: 1_000 }, (memtable: Memtable) => put(memtable, 'b', 2, 'x'.repeat(800))],
    ['outcomes', { rowsMax: 2 }, (memtable: Memtable) => memtable.note(outcome)],
  ])('is full by %s', (_, limits, fill) => {
    const memtable = memtableOf(limits);
    put(memtable, 'a', 1);
    expect(memtable.full).toBe(false);
    fill(memtable);
    expect(memtable.full).toBe(true);
    memtable.swap();
    expect(memtable.full).toBe(false);
  });

  // @req: shard.apply.bounded
  test.each([
    ['rows', { rowsMax: 2 }, 'x'],
    ['bytes', { bytesMax: 1_000 }, 'x'.repeat(400)],
  ])('is full while both generations together hold too many %s', (_, limits, text) => {
    const memtable = memtableOf(limits);
    for (const at of [1, 2, 3, 4]) put(memtable, `k${at}`, at, text);
    memtable.swap();
    expect(memtable.full).toBe(true);
    memtable.applied();
    expect(memtable.full).toBe(false);
  });

  // @req: shard.apply.total
  test('hands over the newest outcome of a key that was used again', () => {
    const memtable = memtableOf();
    memtable.note(outcome);
    memtable.note({ ...outcome, opId: 'p' });
    memtable.note({ ...outcome, answer: 'newest' });
    const { outcomes } = memtable.swap();
    expect(outcomes.map(({ opId, answer }) => `${opId} ${answer}`)).toEqual(['o newest', 'p ']);
    memtable.note({ ...outcome, answer: 'even newer' });
    memtable.unswap();
    expect(memtable.swap().outcomes).toHaveLength(2);
  });

  test('refuses to go back', () => {
    const memtable = memtableOf();
    put(memtable, 'a', 5);
    expect(() => put(memtable, 'b', 4)).toThrow('order of the log');
    expect(() => memtable.pass(seq(4))).toThrow('order of the log');
  });

  test('turns its changes into those of the store', () => {
    const stored = storedOf('x');
    expect(storeChangeOf({ key: 'a', stored, seq: seq(1) })).toEqual({
      kind: 'put',
      key: 'a',
      stored,
    });
    const gone = { key: 'a', stored: undefined, seq: seq(1) };
    expect(storeChangeOf(gone)).toEqual({ kind: 'delete', key: 'a' });
  });
});
