/** The contract of the shard store, run over every implementation of the seam. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { compareUtf8 } from '../../src/kernel/utf8-order.ts';
import type { StoreChange, StoredValue } from '../../src/shard/store.ts';
import {
  batch,
  everything,
  IMPLEMENTATIONS,
  inDirectory,
  put,
  remove,
  storedText,
  withStore,
} from './shard-store-fixture.ts';

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const NASTY_KEYS = [
  'a',
  'aa',
  'a ',
  ' a',
  'A',
  '0',
  '123',
  '1.5',
  'true',
  'null',
  '2024-01-01',
  '{}',
  '[1,2]',
  '"quoted"',
  "it's",
  'back\\slash',
  '\\x41',
  '\\u0041',
  'line\nbreak\r\n',
  'tab\t',
  '\u0001',
  '\u007f',
  '\u0080',
  'é',
  'e\u0301',
  '日本語',
  '\u2028',
  '\ufeff',
  '\uffff',
  '\u{10000}',
  '\u{1f600}',
  '\u{10ffff}',
  '$k',
  "'; DROP TABLE _kv; //",
  'k'.repeat(4_096),
  '\u0001'.repeat(4_096),
  '😀'.repeat(1_024),
];

// @req: tests.contract-suites
describe.each(IMPLEMENTATIONS)('%s', (_name, factory) => {
  test('a new store is empty at seq 0', async () => {
    await withStore(factory(), async (store) => {
      expect([store.appliedSeq, store.baseSeq, store.totals]).toEqual([
        0,
        0,
        { keys: 0, bytes: 0 },
      ]);
      expect(await store.read('a')).toBeUndefined();
      expect(await store.list({ limit: 10 })).toEqual([]);
      expect(await store.expired(9e12, 10)).toEqual([]);
      expect(await store.outcomes()).toEqual([]);
      expect(await store.blobNames()).toEqual(new Set());
    });
  });

  test('what was applied is read back, the newest of each key, and sums are exact', async () => {
    await withStore(factory(), async (store) => {
      await store.apply(batch(3, [put('a', 'one'), put('b', 'two'), put('c', '')]));
      await store.apply(
        batch(7, [put('b', 'three!'), remove('a'), remove('never there'), put('d', 'x')]),
      );
      expect([store.appliedSeq, store.totals]).toEqual([7, { keys: 3, bytes: 7 }]);
      expect(await store.read('a')).toBeUndefined();
      expect(await store.read('b')).toEqual(storedText('three!'));
      expect(await store.read('c')).toEqual(storedText(''));
      expect(await everything(store)).toEqual(
        new Map([
          ['b', storedText('three!')],
          ['c', storedText('')],
          ['d', storedText('x')],
        ]),
      );
    });
  });

  test('a batch without changes moves the seq, and one at the same seq is taken', async () => {
    await withStore(factory(), async (store) => {
      await store.apply(batch(5, []));
      await store.apply(batch(5, [put('a', '1')]));
      expect([store.appliedSeq, store.totals.keys]).toEqual([5, 1]);
    });
  });

  test('values keep every byte and content-type, one row or many at a time, and through a rewrite', async () => {
    const values: StoredValue[] = [
      storedText(ALL_BYTES),
      storedText(''),
      storedText(Buffer.alloc(64 * 1024, 0xff)),
      storedText(Buffer.alloc(64 * 1024)),
      storedText('\\x41"\'\n'),
      ...[
        '',
        'application/json',
        'image/png; name="ü\\"',
        'x'.repeat(5_000),
        'text/plain; charset=utf-8',
      ].map((contentType) => storedText(ALL_BYTES, { contentType })),
      storedText('later', { expiresAtMs: 4_102_444_800_123 }),
      {
        contentType: 'x/y',
        etag: 'f'.repeat(32),
        bytes: 2 ** 40,
        expiresAtMs: 0,
        blob: 'ab'.repeat(32),
      },
    ];
    await withStore(factory(), async (store) => {
      const changes = values.map(
        (stored, index): StoreChange => ({ kind: 'put', key: `k${index}`, stored }),
      );
      const many = Array.from({ length: 200 }, (_, index) => put(`other${index}`, ALL_BYTES));
      await store.apply(batch(1, changes.slice(0, 6)));
      await store.apply(batch(2, [...changes.slice(6), ...many]));
      for (const force of [undefined, 'checkpoint', 'rewrite'] as const) {
        await store.maintain({ logBytesSinceBase: 0, force });
        for (const [index, stored] of values.entries())
          expect(await store.read(`k${index}`)).toEqual(stored);
      }
      const listed = await store.list({ start: 'k', end: 'l', limit: 100 });
      expect(listed.map(({ stored }) => stored.etag).sort()).toEqual(
        values.map(({ etag }) => etag).sort(),
      );
      expect(listed.every(({ stored }) => stored.value === undefined)).toBe(true);
    });
  });

  test('keys are any text, and a listing has them in the order of their UTF-8 bytes', async () => {
    const inOrder = [...NASTY_KEYS].sort((left, right) =>
      Buffer.compare(Buffer.from(left), Buffer.from(right)),
    );
    await withStore(factory(), async (store) => {
      await store.apply(
        batch(
          1,
          NASTY_KEYS.slice(0, 5).map((key) => put(key, key)),
        ),
      );
      await store.apply(
        batch(
          2,
          NASTY_KEYS.slice(5).map((key) => put(key, key)),
        ),
      );
      for (const force of [undefined, 'rewrite'] as const) {
        await store.maintain({ logBytesSinceBase: 0, force });
        for (const key of NASTY_KEYS) expect((await store.read(key))?.value?.toString()).toBe(key);
        expect((await store.list({ limit: 100 })).map(({ key }) => key)).toEqual(inOrder);
      }
      for (const [index, start] of inOrder.entries()) {
        const after = await store.list({ start, startExclusive: true, limit: 2 });
        expect(after.map(({ key }) => key)).toEqual(inOrder.slice(index + 1, index + 3));
        const until = await store.list({ start: inOrder[0], end: start, limit: 100 });
        expect(until.map(({ key }) => key)).toEqual(inOrder.slice(0, index));
      }
      await store.apply(batch(3, NASTY_KEYS.map(remove)));
      expect(store.totals).toEqual({ keys: 0, bytes: 0 });
    });
  });

  test('a listing of large values is as right as one of small values', async () => {
    await withStore(factory(), async (store) => {
      const large = Array.from({ length: 40 }, (_, index) =>
        put(`k${index}`, Buffer.alloc(20_000, index)),
      );
      await store.apply(batch(1, large));
      const rows = await store.list({ start: 'k1', limit: 12, values: true });
      expect(rows.map(({ key }) => key)).toEqual(
        [...large.map(({ key }) => key)].sort().slice(1, 13),
      );
      expect(rows.every(({ key, stored }) => stored.value?.[19_999] === Number(key.slice(1)))).toBe(
        true,
      );
    });
  });

  test('expired keys are found, up to the limit, and count until they are deleted', async () => {
    await withStore(factory(), async (store) => {
      const changes = [
        put('never', '1'),
        put('old', '22', { expiresAtMs: 100 }),
        put('due', '3', { expiresAtMs: 200 }),
        put('later', '4', { expiresAtMs: 201 }),
      ];
      await store.apply(batch(1, changes));
      expect((await store.expired(200, 10)).sort()).toEqual(['due', 'old']);
      expect(await store.expired(200, 1)).toHaveLength(1);
      expect(store.totals).toEqual({ keys: 4, bytes: 5 });
    });
  });

  test('outcomes are remembered with their batch, replaced by id, forgotten by time, and survive a rewrite', async () => {
    const outcome = (opId: string, recordedAtMs: number, answer = '{"a":"\\"ü\\n"}') => ({
      opId,
      recordedAtMs,
      fingerprint: `put ${opId} \\ '"`,
      answer,
    });
    await withStore(factory(), async (store, directory) => {
      await store.apply(batch(1, [], { outcomes: [outcome('x', 10), outcome('y', 20)] }));
      await store.apply(batch(2, [], { outcomes: [outcome('y', 30, 'new'), outcome('"z\'', 40)] }));
      const want = [outcome('x', 10), outcome('y', 30, 'new'), outcome('"z\'', 40)];
      const seen = async () =>
        (await store.outcomes()).sort((left, right) => left.recordedAtMs - right.recordedAtMs);
      expect(await seen()).toEqual(want);
      await store.maintain({ logBytesSinceBase: 0, force: 'rewrite' });
      expect(await seen()).toEqual(want);
      await store.apply(batch(3, [], { forgetOutcomesBeforeMs: 30 }));
      expect(await seen()).toEqual(want.slice(1));
      await store.apply(batch(4, [], { forgetOutcomesBeforeMs: 41, outcomes: [outcome('w', 50)] }));
      expect(await seen()).toEqual([outcome('w', 50)]);
      expect(directory).not.toBe('');
    });
  });

  test('the blobs that rows refer to are named', async () => {
    const blob = (digit: string) => digit.repeat(64);
    const row = (key: string, name: string): StoreChange => ({
      kind: 'put',
      key,
      stored: {
        contentType: 'a/b',
        etag: '0'.repeat(32),
        bytes: 100_000,
        expiresAtMs: 0,
        blob: name,
      },
    });
    await withStore(factory(), async (store) => {
      await store.apply(
        batch(1, [row('a', blob('1')), row('b', blob('2')), row('c', blob('2')), put('d', 'x')]),
      );
      await store.apply(batch(2, [put('a', 'small now')]));
      expect(await store.blobNames()).toEqual(new Set([blob('2')]));
      expect(await store.read('b')).toEqual({
        contentType: 'a/b',
        etag: '0'.repeat(32),
        bytes: 100_000,
        expiresAtMs: 0,
        blob: blob('2'),
      });
    });
  });

  test('a store that was closed comes back as it was', async () => {
    await inDirectory(async (directory) => {
      let store = await factory().open(directory);
      await store.apply(batch(4, [put('a', 'one'), put('b', 'two')]));
      for (let round = 0; round < 3; round += 1) {
        await store.close();
        store = await factory().open(directory);
        expect([store.appliedSeq, store.totals]).toEqual([
          4 + round,
          { keys: 2 + round, bytes: 6 + round },
        ]);
        await store.apply(batch(5 + round, [put(`more${round}`, 'x')]));
      }
      expect([...(await everything(store)).keys()]).toEqual(['a', 'b', 'more0', 'more1', 'more2']);
      await store.close();
    });
  });

  test('a rewrite moves the base to the applied seq, and rebuild goes back to the base', async () => {
    await withStore(factory(), async (store) => {
      await store.apply(batch(10, [put('a', 'one'), put('b', 'two')]));
      expect(store.baseSeq).toBe(0);
      expect((await store.maintain({ logBytesSinceBase: 0, force: 'rewrite' })).did).toBe(
        'rewrite',
      );
      expect(store.baseSeq).toBe(10);
      await store.apply(batch(20, [put('a', 'later'), remove('b'), put('c', 'new')]));
      await store.rebuild();
      expect([store.appliedSeq, store.baseSeq, store.totals]).toEqual([
        10,
        10,
        { keys: 2, bytes: 6 },
      ]);
      expect(await store.read('a')).toEqual(storedText('one'));
      await store.apply(batch(20, [put('a', 'later'), remove('b'), put('c', 'new')]));
      expect([store.appliedSeq, [...(await everything(store)).keys()]]).toEqual([20, ['a', 'c']]);
    });
  });

  test('an old base is refreshed by itself, and an idle store is left alone', async () => {
    await withStore(factory(), async (store) => {
      await store.apply(batch(1, [put('a', 'one')]));
      expect((await store.maintain({ logBytesSinceBase: 1_000 })).did).toBe('nothing');
      expect((await store.maintain({ logBytesSinceBase: 2 ** 40 })).did).toBe('rewrite');
      expect(store.baseSeq).toBe(1);
    });
  });

  test('reads go on while the store checkpoints and rewrites, and see no row missing', async () => {
    await withStore(factory(), async (store) => {
      const keys = Array.from({ length: 500 }, (_, index) => `k${index}`);
      await store.apply(
        batch(
          1,
          keys.map((key) => put(key, key)),
        ),
      );
      let isOver = false;
      const reading = (async () => {
        let count = 0;
        while (!isOver) {
          const key = keys[count % keys.length] ?? '';
          expect((await store.read(key))?.value?.toString()).toBe(key);
          count += 1;
          await new Promise<void>((go) => systemClock.soon(go)); // the memory store never yields by itself
        }
        return count;
      })();
      for (const force of ['checkpoint', 'rewrite', 'checkpoint', 'rewrite'] as const) {
        await store.apply(
          batch(
            2,
            keys.slice(0, 100).map((key) => put(key, key)),
          ),
        );
        await store.maintain({ logBytesSinceBase: 0, force });
      }
      await store.rebuild();
      isOver = true;
      expect(await reading).toBeGreaterThan(0);
    });
  });

  test('any history of batches, checkpoints, rewrites, rebuilds and reopenings equals a map', async () => {
    await fc.assert(
      fc.asyncProperty(historyOf(), (steps) => playAgainstMap(factory, steps)),
      { numRuns: 15 },
    );
  });
});

type Step =
  | { readonly act: 'apply'; readonly changes: readonly (readonly [string, string | undefined])[] }
  | { readonly act: 'checkpoint' | 'rewrite' | 'rebuild' | 'reopen' };

function historyOf(): fc.Arbitrary<Step[]> {
  const key = fc.oneof(
    fc.constantFrom('a', 'b', 'c', 'd', '\uffff', '\u{10000}'),
    fc
      .string({ minLength: 1, maxLength: 6, unit: 'grapheme' })
      .filter((text) => !text.includes('\0')),
  );
  const change = fc.tuple(
    key,
    fc.option(fc.string({ maxLength: 30, unit: 'binary' }), { nil: undefined }),
  );
  const changes = fc.uniqueArray(change, { selector: ([text]) => text, maxLength: 40 });
  const apply = changes.map((list): Step => ({ act: 'apply', changes: list }));
  const other = fc.constantFrom<Step>(
    { act: 'checkpoint' },
    { act: 'rewrite' },
    { act: 'rebuild' },
    { act: 'reopen' },
  );
  return fc.array(fc.oneof({ weight: 3, arbitrary: apply }, { weight: 1, arbitrary: other }), {
    maxLength: 10,
  });
}

async function playAgainstMap(
  factory: (typeof IMPLEMENTATIONS)[number][1],
  steps: readonly Step[],
): Promise<void> {
  await inDirectory(async (directory) => {
    let store = await factory().open(directory);
    const log: (readonly [string, string | undefined])[][] = [];
    const model = (): Map<string, string> => {
      const map = new Map<string, string>();
      for (const changes of log)
        for (const [key, value] of changes)
          value === undefined ? map.delete(key) : map.set(key, value);
      return map;
    };
    const apply = (index: number) =>
      store.apply(
        batch(
          index + 1,
          (log[index] ?? []).map(([key, value]) =>
            value === undefined ? remove(key) : put(key, Buffer.from(value)),
          ),
        ),
      );
    for (const step of steps) {
      if (step.act === 'apply') await apply(log.push([...step.changes]) - 1);
      else if (step.act === 'rebuild') await store.rebuild();
      else if (step.act === 'reopen') {
        await store.close();
        store = await factory().open(directory);
      } else await store.maintain({ logBytesSinceBase: 0, force: step.act });
      for (let index: number = store.appliedSeq; index < log.length; index += 1) await apply(index);
      const rows = [...(await everything(store))].map(([key, stored]) => [
        key,
        stored.value?.toString(),
      ]);
      const want = [...model()]
        .sort(([left], [right]) => compareUtf8(left, right))
        .map(([key, value]) => [key, Buffer.from(value).toString()]);
      expect(rows).toEqual(want);
      expect(store.totals).toEqual({
        keys: want.length,
        bytes: want.reduce((sum, [, value]) => sum + Buffer.byteLength(value ?? ''), 0),
      });
    }
    await store.close();
  });
}
