/** Listings, range deletes and keys whose time is over. */
import { describe, expect, test } from 'vitest';
import { seq } from '../../src/kernel/ids.ts';
import { compareUtf8 } from '../../src/kernel/utf8-order.ts';
import { RECORD_KIND } from '../../src/log/log-record.ts';
import { DELETE_PAGE_MAX } from '../../src/shard/delete-page.ts';
import { COPY_ID, gate, type ShardWorld, shardWorld } from './shard-world.ts';

const KEYS = ['', 'a', 'a/b', 'b', 'ß', '数字', '\ufffd', '😀', 'zz'].filter((key) => key !== '');

async function fill(world: ShardWorld, keys: readonly string[]): Promise<void> {
  await world.settle(Promise.all(keys.map((key) => world.startPut(key, key))));
}

describe('listings', () => {
  // @req: kv.list.order, kv.list.limit, kv.list.cursor
  test.each([1, 2, 3, 100])(
    'pages of %i hold every key once in the order of bytes',
    async (limit) => {
      const world = await shardWorld();
      await fill(world, KEYS.slice(0, 4));
      await world.quiet();
      await fill(world, KEYS.slice(3));
      expect(await world.keys(limit)).toEqual([...KEYS].sort(compareUtf8));
    },
  );

  // @req: kv.list.range
  test('begin at start, leave end out, and can begin behind start', async () => {
    const world = await shardWorld();
    await fill(world, ['a', 'b']);
    await world.quiet();
    await fill(world, ['c', 'd']);
    const list = async (range: object) => {
      const page = await world.settle(world.copy.list({ limit: 10, ...range }));
      return page.rows.map((row) => row.key).join('');
    };
    expect(await list({ start: 'b', end: 'd' })).toBe('bc');
    expect(await list({ start: 'b', startExclusive: true })).toBe('cd');
    expect(await list({ end: 'b' })).toBe('a');
  });

  // @req: kv.list.cursor
  test('show what is deleted, replaced or added over the store, and no key twice', async () => {
    const world = await shardWorld();
    await fill(world, ['a', 'b', 'c', 'd', 'e']);
    await world.quiet();
    await world.delete('b');
    await world.delete('c');
    await world.put('d', 'again');
    await world.put('aa', 'new');
    for (const limit of [1, 2, 10]) expect(await world.keys(limit)).toEqual(['a', 'aa', 'd', 'e']);
    const page = await world.settle(world.copy.list({ limit: 10, values: true }));
    expect(page.rows.map(({ stored }) => stored.value?.toString())).toEqual([
      'a',
      'new',
      'again',
      'e',
    ]);
  });

  test('a key that moves into the store while a page is collected is seen', async () => {
    const world = await shardWorld();
    await world.put('a', 'x');
    const { opened, open } = gate();
    world.faults.list = () => opened;
    const page = world.copy.list({ limit: 10 });
    await world.quiet();
    open();
    expect((await world.settle(page)).rows.map((row) => row.key)).toEqual(['a']);
  });
});

describe('range deletes', () => {
  const deletePage = async (world: ShardWorld, range: object) => {
    const operation = { opId: world.nextId(), callerOpId: false, term: world.copy.term };
    const { detail = '' } = await world.settle(
      world.copy.deletePage(range, operation, world.deadline()),
    );
    return JSON.parse(detail) as { deleted: number; next: string | null };
  };

  // @req: kv.delete-range.all
  test('go page by page, and what they deleted stays deleted', async () => {
    const world = await shardWorld({ memtable: { rowsMax: 10_000 } });
    const keys = Array.from(
      { length: DELETE_PAGE_MAX + 5 },
      (_, index) => `k${String(index).padStart(5, '0')}`,
    );
    await fill(world, keys);
    await world.put('z', 'stays');
    const first = await deletePage(world, { end: 'z' });
    expect(first).toEqual({ deleted: DELETE_PAGE_MAX, next: keys[DELETE_PAGE_MAX - 1] });
    const rest = { start: first.next, startExclusive: true, end: 'z' };
    expect(await deletePage(world, rest)).toEqual({ deleted: 5, next: null });
    expect(await world.keys()).toEqual(['z']);
    await world.crashAndOpen();
    expect(await world.keys()).toEqual(['z']);
  });

  test('of the longest keys fit the log', async () => {
    const world = await shardWorld({ memtable: { bytesMax: 1 << 26, rowsMax: 10_000 } });
    // Six bytes each as JSON: a thousand such keys would be 24 MiB.
    const keys = Array.from({ length: 400 }, (_, index) => `${'\u0001'.repeat(4_000)}${index}`);
    await fill(world, keys);
    let deleted = 0;
    let range: object = {};
    for (let page = 0; page < 50; page += 1) {
      const answer = await deletePage(world, range);
      deleted += answer.deleted;
      if (answer.next === null) break;
      range = { start: answer.next, startExclusive: true };
    }
    expect(deleted).toBe(400);
    expect(await world.keys()).toEqual([]);
  });
});

describe('keys whose time is over', () => {
  const sweep = (world: ShardWorld) =>
    world.settle(world.copy.sweepExpired(world.nextId(), world.deadline()));

  // @req: kv.put.ttl, shard.ttl.swept
  test('are gone at their time, are not listed, and are swept as records', async () => {
    const world = await shardWorld();
    await world.put('a', 'x', { ttlMs: 1_000.4 });
    await world.put('b', 'x');
    expect(await world.get('a')).toBe('x');
    await world.quiet();
    await world.clock.run({ forMs: 2 });
    expect(await world.get('a')).toBeUndefined();
    expect(await world.keys()).toEqual(['b']);
    expect(await world.put('a', 'y', { ifMatch: '*' })).toMatchObject({ status: 412 });
    expect((await world.settle(world.copy.totals())).keys).toBe(2);
    expect(await sweep(world)).toBe(1);
    expect(await sweep(world)).toBe(0);
    expect((await world.settle(world.copy.totals())).keys).toBe(1);
    const [record] = await world.settle(world.log.read(COPY_ID, seq(world.copy.lastSeq), 1));
    expect(record?.kind).toBe(RECORD_KIND.deleteMany);
    await world.crashAndOpen();
    expect(await world.keys()).toEqual(['b']);
  });

  // @req: shard.ttl.clock
  // @req: trouble.clock-back
  test('do not come back when the clock goes back, nor after a restart once they are swept', async () => {
    const world = await shardWorld();
    await world.put('a', 'x', { ttlMs: 500 });
    await world.quiet();
    expect(await world.get('a')).toBeUndefined();
    world.clock.jumpWall(-3_600_000);
    expect(await world.get('a')).toBeUndefined();
    expect(await sweep(world)).toBe(1);
    await world.crashAndOpen();
    expect(await world.get('a')).toBeUndefined();
    world.clock.jumpWall(-3_600_000);
    await world.put('b', 'x', { ttlMs: 500 });
    expect(await world.get('b')).toBe('x');
  });

  // @req: shard.ttl.swept
  test.each([
    ['while the store is asked', async () => {}],
    ['and is in the store before the sweep is written', (world: ShardWorld) => world.quiet()],
  ])('one that is written again %s is not swept', async (_, later) => {
    const world = await shardWorld();
    await world.put('a', 'old', { ttlMs: 100 });
    await world.put('b', 'old', { ttlMs: 100 });
    await world.quiet();
    const { opened, open } = gate();
    world.faults.expired = () => opened;
    const sweeping = world.copy.sweepExpired(world.nextId(), world.deadline());
    await world.put('a', 'new');
    await later(world);
    open();
    expect(await world.settle(sweeping)).toBe(2);
    expect(await world.get('a')).toBe('new');
    await world.crashAndOpen();
    expect(await world.keys()).toEqual(['a']);
  });

  test('one that is in the cache is swept as well', async () => {
    const world = await shardWorld();
    await world.put('a', 'x', { ttlMs: 100 });
    await world.quiet();
    expect(await world.get('a')).toBeUndefined();
    expect(await sweep(world)).toBe(1);
  });

  test('the blobs of swept keys are swept after them', async () => {
    const world = await shardWorld();
    const { blob } = await world.putBlob('a', 'large');
    await world.put('b', 'x', { ttlMs: 100 });
    const stored = { contentType: 'text/plain', etag: blob.slice(0, 32), bytes: 5, blob };
    await world.put('a', '', { stored, ttlMs: 100 });
    await world.quiet();
    expect(await world.settle(world.copy.sweepBlobs())).toBe(0);
    expect(await sweep(world)).toBe(2);
    await world.quiet();
    expect(await world.settle(world.copy.sweepBlobs())).toBe(1);
  });

  test('are not swept by a copy that serves no term', async () => {
    const world = await shardWorld();
    await world.put('a', 'x', { ttlMs: 100 });
    await world.quiet();
    await world.crashAndOpen(0);
    await world.quiet();
    await expect(sweep(world)).rejects.toMatchObject({ code: 'stale_term' });
  });

  test('a time to live beyond all numbers is for ever', async () => {
    const world = await shardWorld();
    await world.put('a', 'x', { ttlMs: Number.MAX_SAFE_INTEGER });
    await world.crashAndOpen();
    expect(await world.get('a')).toBe('x');
  });
});
