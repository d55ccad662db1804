/** What only the Kuzu store promises: whom it trusts after damage, its bounds, and what goes on beside its upkeep. */
import { copyFile, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { ShardStore } from '../../src/shard/store.ts';
import {
  batch,
  everything,
  inDirectory,
  kuzuFactory,
  put,
  storedText,
  withStore,
} from './shard-store-fixture.ts';

const rows = (from: number, count: number, text: string) =>
  Array.from({ length: count }, (_, index) => put(`key ${from + index}`, text));

/** A copy whose base holds seq 10 (100 rows) and whose live database was killed at seq 20 (150 rows). */
async function killed(directory: string): Promise<void> {
  const store = await kuzuFactory().open(directory);
  await store.apply(batch(10, rows(0, 100, 'base')));
  await store.maintain({ logBytesSinceBase: 0, force: 'rewrite' });
  await store.apply(batch(20, rows(50, 100, 'live')));
  for (const name of ['x', 'x.wal'])
    await copyFile(`${directory}/live-1/${name}`, `${directory}/${name}.saved`);
  await store.close();
  for (const name of ['x', 'x.wal'])
    await copyFile(`${directory}/${name}.saved`, `${directory}/live-1/${name}`);
  await writeFile(`${directory}/STATE`, '{"state":"open"}');
}

const seen = async (store: ShardStore) => [
  store.appliedSeq,
  store.baseSeq,
  (await everything(store)).size,
];

async function reopened(directory: string): Promise<unknown> {
  const store = await kuzuFactory().open(directory);
  const result = await seen(store);
  await store.close();
  return result;
}

describe('after a kill', () => {
  const LIVE = [20, 10, 150];
  const BASE = [10, 10, 100];
  const live = (directory: string, name: string) => `${directory}/live-1/${name}`;
  const flip = async (path: string, at: number) => {
    const bytes = await readFile(path);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    await writeFile(path, bytes);
  };

  test.each<readonly [string, (directory: string) => Promise<unknown>, readonly number[]]>([
    ['nothing else: the live database goes on', async () => {}, LIVE],
    ['the marker says closed', (at) => writeFile(`${at}/STATE`, '{"state":"closed"}'), LIVE],
    ['no marker', (at) => rm(`${at}/STATE`), LIVE],
    [
      'garbage behind the log',
      (at) => writeFile(live(at, 'x.wal'), Buffer.alloc(999), { flag: 'a' }),
      LIVE,
    ],
    [
      'the marker says checkpointing',
      (at) => writeFile(`${at}/STATE`, '{"state":"checkpointing"}'),
      BASE,
    ],
    [
      'the marker says opening: the last open killed its process',
      (at) => writeFile(`${at}/STATE`, '{"state":"opening"}'),
      BASE,
    ],
    ['a damaged marker', (at) => writeFile(`${at}/STATE`, '{"sta'), BASE],
    ['a torn log is cut to whole transactions', (at) => truncate(live(at, 'x.wal'), 1_000), BASE],
    ['no log', (at) => rm(live(at, 'x.wal')), BASE],
    ['no live file', (at) => rm(live(at, 'x')), BASE],
    ['no live directory', (at) => rm(`${at}/live-1`, { recursive: true }), BASE],
    ['a live file cut in half', (at) => truncate(live(at, 'x'), 200_000), BASE],
    ['a live file that is none', (at) => writeFile(live(at, 'x'), 'not a database'), BASE],
    ['leftovers of an unfinished generation', (at) => writeFile(`${at}/CURRENT.tmp`, 'x'), LIVE],
  ])('%s', async (_name, damage, want) => {
    await inDirectory(async (directory) => {
      await killed(directory);
      await damage(directory);
      expect(await reopened(directory)).toEqual(want);
      expect(await reopened(directory)).toEqual(want);
    });
  });

  test.each<readonly [string, (directory: string) => Promise<unknown>]>([
    ['a flipped bit', (at) => flip(`${at}/base-1/x`, 100_000)],
    ['a missing file', (at) => rm(`${at}/base-1/x`)],
    ['a missing manifest', (at) => rm(`${at}/base-1/MANIFEST`)],
    ['a damaged manifest', (at) => writeFile(`${at}/base-1/MANIFEST`, '{}')],
    ['a lost CURRENT', (at) => rm(`${at}/CURRENT`)],
  ])('a base in doubt is never used: %s', async (_name, damage) => {
    await inDirectory(async (directory) => {
      await killed(directory);
      await damage(directory);
      await writeFile(`${directory}/STATE`, '{"state":"checkpointing"}');
      await expect(kuzuFactory().open(directory)).rejects.toThrow('shard_in_doubt');
    });
  });

  test('a rebuild on a damaged base fails, and can be repeated when the base is back', async () => {
    await withStore(kuzuFactory(), async (store, directory) => {
      await store.apply(batch(10, rows(0, 10, 'base')));
      await store.maintain({ logBytesSinceBase: 0, force: 'rewrite' });
      await flip(`${directory}/base-1/x`, 100_000);
      await expect(store.rebuild()).rejects.toThrow('shard_in_doubt');
      await expect(store.apply(batch(11, []))).rejects.toThrow('shard_in_doubt');
      await expect(store.read('key 1')).rejects.toThrow('shard_in_doubt');
      await flip(`${directory}/base-1/x`, 100_000);
      await store.rebuild();
      expect(await seen(store)).toEqual([10, 10, 10]);
    });
  });
});

describe('bounds', () => {
  test('a rewrite takes more rows than the pool of the live database could index', async () => {
    await withStore(kuzuFactory(), async (store) => {
      const count = 120_000;
      for (let from = 0; from < count; from += 8_000)
        await store.apply(batch(from + 8_000, rows(from, 8_000, 'v')));
      await store.maintain({ logBytesSinceBase: 0, force: 'rewrite' });
      expect([store.totals.keys, store.baseSeq]).toEqual([count, count]);
    });
  });

  test('the live file stays within four times its size after a rewrite, or 16 MiB', async () => {
    await withStore(kuzuFactory({ checkpointRows: 4_000 }), async (store) => {
      const did: Record<string, number> = {};
      let logBytesSinceBase = 0;
      for (let at = 1; at <= 40; at += 1) {
        await store.apply(batch(at, rows((at * 571) % 5_000, 1_500, `${at}:`.repeat(60))));
        logBytesSinceBase += 1_500 * 300;
        const report = await store.maintain({ logBytesSinceBase });
        if (report.did === 'rewrite') logBytesSinceBase = 0;
        did[report.did] = (did[report.did] ?? 0) + 1;
        const { live, liveAfterRewrite, wal } = await store.sizes();
        expect(live).toBeLessThanOrEqual(Math.max(4 * liveAfterRewrite, 16 * 2 ** 20));
        expect(wal).toBeLessThan(16 * 2 ** 20);
      }
      expect(did.checkpoint).toBeGreaterThan(2);
      expect(did.rewrite).toBeGreaterThan(1);
    });
  });

  test('single-row transactions beyond the pool cost a reopening with a larger one, and no row', async () => {
    await withStore(kuzuFactory(), async (store) => {
      for (let at = 1; at <= 3_000; at += 1)
        await store.apply(batch(at, [put(`key ${at % 500}`, `${at}`)]));
      expect([store.appliedSeq, store.totals.keys]).toEqual([3_000, 500]);
      expect(await store.read('key 1')).toEqual(storedText('2501'));
      expect((await store.maintain({ logBytesSinceBase: 0 })).did).not.toBe('nothing');
      expect((await everything(store)).size).toBe(500);
    });
  });

  test('a batch that the store cannot take leaves nothing behind, and the next one is applied', async () => {
    await withStore(kuzuFactory(), async (store) => {
      await store.apply(batch(1, rows(0, 50, 'a')));
      const twice = [...rows(0, 50, 'b'), put('key 0', 'again')]; // the owner promises distinct keys
      await expect(store.apply(batch(2, twice))).rejects.toThrow('duplicated primary key');
      expect([store.appliedSeq, (await store.read('key 7'))?.value?.toString()]).toEqual([1, 'a']);
      await expect(store.apply(batch(2, [put('lone \ud800', 'x')]))).rejects.toThrow('well-formed');
      await store.apply(batch(2, rows(0, 50, 'c')));
      expect([store.appliedSeq, store.totals]).toEqual([2, { keys: 50, bytes: 50 }]);
    });
  });
});

describe('long reads', () => {
  const ENDLESS =
    'MATCH (a:_kv), (b:_kv), (c:_kv) WHERE a.bytes + b.bytes + c.bytes < 0 RETURN count(*) AS c';

  test('a checkpoint that is due beside one waits in the background; key reads and writes go on', async () => {
    await withStore(kuzuFactory({ checkpointRows: 100 }), async (store) => {
      const kuzu = store as Awaited<ReturnType<ReturnType<typeof kuzuFactory>['open']>>;
      await store.apply(batch(1, rows(0, 2_000, 'a')));
      await store.maintain({ logBytesSinceBase: 0 });
      const order: string[] = [];
      const long = kuzu
        .graphRead(ENDLESS, { timeoutMs: 500 })
        .catch(() => void order.push('long read ended'));
      await store.apply(batch(2, rows(0, 150, 'b')));
      expect((await store.maintain({ logBytesSinceBase: 0 })).did).toBe('nothing');
      await store.apply(batch(3, rows(0, 20, 'c')));
      order.push((await store.read('key 1'))?.value?.toString() ?? 'lost');
      await long;
      await kuzu.graphRead('RETURN 1 AS one', { timeoutMs: 5_000 }); // let in when the checkpoint is over
      expect(order).toEqual(['c', 'long read ended']);
      expect((await store.sizes()).wal).toBe(0);
    });
  });

  test('a rewrite does not wait for them, and they end on the database they began on', async () => {
    await withStore(kuzuFactory(), async (store) => {
      const kuzu = store as Awaited<ReturnType<ReturnType<typeof kuzuFactory>['open']>>;
      await store.apply(batch(1, rows(0, 2_000, 'a')));
      const long = kuzu
        .graphRead(ENDLESS, { timeoutMs: 700 })
        .catch((error: Error) => error.message);
      await store.maintain({ logBytesSinceBase: 0, force: 'rewrite' });
      await store.apply(batch(2, rows(0, 10, 'b')));
      expect((await store.read('key 1'))?.value?.toString()).toBe('b');
      expect(await long).toContain('deadline_exceeded');
    });
  });
});
