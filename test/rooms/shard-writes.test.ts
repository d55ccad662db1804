/** Writes of one copy: order, conditions under concurrency, repeats, and what is refused. */
import { describe, expect, test } from 'vitest';
import { term } from '../../src/kernel/ids.ts';
import type { KeyAnswer } from '../../src/protocol/key-operation.ts';
import { CALLER_OUTCOMES_MAX, CALLER_WINDOW_MS } from '../../src/shard/caller-outcomes.ts';
import { etagOfText, gate, ShardWorld, shardWorld } from './shard-world.ts';

const CONCURRENT = 25;

async function race(world: ShardWorld, begin: (index: number) => Promise<KeyAnswer>) {
  const runners = Array.from({ length: CONCURRENT }, (_, index) => begin(index));
  const answers = await world.settle(Promise.all(runners));
  const winners = answers.flatMap((answer, index) => (answer.status === 204 ? [index] : []));
  return { answers, winners };
}

describe('visibility', () => {
  // @req: shard.write-order, kv.put.stored, kv.get.read-your-write
  test('a write shows only after it is durable, and always after it is acknowledged', async () => {
    const world = await shardWorld();
    let isAnswered = false;
    world.disk.beforeCall = ({ kind }) => {
      if (kind === 'sync') expect(isAnswered).toBe(false);
    };
    const write = world.startPut('a', 'one').then(() => {
      isAnswered = true;
    });
    expect(await world.copy.read({ verb: 'get', key: 'a' })).toMatchObject({ status: 404 });
    await world.settle(write);
    world.disk.beforeCall = undefined;
    expect(await world.get('a')).toBe('one');
  });

  // @req: kv.put.durable
  test('an acknowledged write survives a power failure', async () => {
    const world = await shardWorld();
    await world.put('a', 'one');
    await world.put('b', 'two');
    await world.delete('a');
    await world.crashAndOpen();
    expect(await world.get('a')).toBeUndefined();
    expect(await world.get('b')).toBe('two');
  });

  // @req: kv.put.overwrite, kv.put.empty, kv.delete.gone, kv.delete.missing
  test('keys are replaced, emptied and deleted, before and after the store has them', async () => {
    const world = await shardWorld();
    for (const settle of [async () => {}, () => world.quiet()]) {
      await world.put('a', 'one');
      await settle();
      await world.put('a', '');
      await settle();
      expect(await world.get('a')).toBe('');
      expect(await world.delete('a')).toMatchObject({ status: 204 });
      await settle();
      expect(await world.get('a')).toBeUndefined();
      expect(await world.delete('a')).toMatchObject({ status: 204 });
    }
  });

  // @req: kv.get.bytes, kv.get.not-modified, kv.head, kv.put.content-type, kv.etag.definition
  test('reads answer 200, 304, 404 and 412 as their conditions say', async () => {
    const world = await shardWorld();
    const { etag } = await world.put('a', 'one');
    const read = (parts: object) =>
      world.settle(world.copy.read({ verb: 'get', key: 'a', ...parts }));
    expect(etag).toBe(etagOfText('one'));
    expect(await read({})).toMatchObject({
      status: 200,
      contentType: 'text/plain',
      bytes: 3,
      etag,
    });
    expect((await read({ verb: 'head' })).value).toBeUndefined();
    expect(await read({ ifNoneMatch: `"${etag}"` })).toEqual({ status: 304, etag });
    expect(await read({ ifMatch: '"00"' })).toMatchObject({ status: 412, etag });
    expect(await read({ key: 'b' })).toMatchObject({ status: 404, code: 'key_not_found' });
  });
});

describe('conditions', () => {
  // @req: kv.put.condition.atomic, kv.put.if-none-match
  test.each([
    ['a key nobody knows', async () => {}],
    [
      'a key the store knows to be deleted',
      async (world: ShardWorld) => {
        await world.put('k', 'before');
        await world.delete('k');
        await world.quiet();
      },
    ],
    [
      'a key whose time is over',
      async (world: ShardWorld) => {
        await world.put('k', 'before', { ttlMs: 100 });
        await world.quiet();
      },
    ],
  ])(
    'of concurrent writes that want no value before them exactly one wins: %s',
    async (_, before) => {
      const world = await shardWorld({ cacheBytes: 0 });
      await before(world);
      const { answers, winners } = await race(world, (index) =>
        world.startPut('k', `value ${index}`, { ifNoneMatch: '*' }),
      );
      expect(winners).toHaveLength(1);
      const winner = etagOfText(`value ${winners[0]}`);
      for (const answer of answers) {
        expect(answer).toMatchObject(
          answer.status === 204 ? { etag: winner } : { status: 412, etag: winner },
        );
      }
      expect(await world.get('k')).toBe(`value ${winners[0]}`);
    },
  );

  // @req: kv.put.condition.atomic, kv.put.if-match, kv.delete.if-match, shard.conditions
  test.each([
    ['known from memory', 1 << 20],
    ['known to the store only', 0],
  ])('of concurrent writes over one etag exactly one wins: %s', async (_, cacheBytes) => {
    const world = await shardWorld({ cacheBytes });
    const { etag = '' } = await world.put('k', 'before');
    await world.quiet();
    const { winners } = await race(world, (index) =>
      index % 2 === 0
        ? world.startPut('k', `value ${index}`, { ifMatch: `"${etag}"` })
        : world.startDelete('k', { ifMatch: etag }),
    );
    expect(winners).toHaveLength(1);
  });

  // @req: shard.conditions
  test('a row that is read while the key is written decides nothing', async () => {
    const world = await shardWorld({ cacheBytes: 0 });
    const { etag } = await world.put('k', 'before');
    await world.quiet();
    const { opened, open } = gate();
    world.faults.read = () => opened;
    const slow = world.startPut('k', 'late', { ifMatch: `"${etag}"` });
    await world.put('k', 'between');
    open();
    expect(await world.settle(slow)).toMatchObject({ status: 412, etag: etagOfText('between') });
  });

  // @req: kv.condition.waits
  test('a refusal that rests on a pending write is given when that write is durable', async () => {
    const world = await shardWorld();
    let syncs = 0;
    world.disk.beforeCall = ({ kind }) => {
      if (kind === 'sync') syncs += 1;
    };
    const first = world.startPut('k', 'one');
    const refused = world.startPut('k', 'two', { ifNoneMatch: '*' }).then((answer) => {
      expect(syncs).toBe(1);
      return answer;
    });
    expect(await world.settle(refused)).toMatchObject({ status: 412, etag: etagOfText('one') });
    await world.settle(first);
  });

  // @req: kv.condition.waits
  test('a condition that rests on a write which then fails is decided anew', async () => {
    const world = await shardWorld();
    await fillDisk(world);
    const failing = world.startPut('k', 'one'.repeat(500)).catch((reason: Error) => reason);
    const behind = world
      .startPut('k', 'two', { ifNoneMatch: '*' })
      .catch((reason: Error) => reason);
    expect(await world.settle(failing)).toMatchObject({ code: 'disk_full' });
    // Not a 412: the key does not exist. The disk is still full, so it is refused for that.
    expect(await world.settle(behind)).toMatchObject({ code: 'disk_full' });
    world.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await world.quiet();
    expect(await world.put('k', 'three', { ifNoneMatch: '*' })).toMatchObject({ status: 204 });
  });
});

async function fillDisk(world: ShardWorld): Promise<void> {
  world.disk.capacityBytes = 0;
  world.disk.capacityBytes = await usedBytes(world);
}

async function usedBytes(world: ShardWorld): Promise<number> {
  return world.settle(world.disk.boot().sizeOf('/'));
}

describe('repeats', () => {
  const KEYED = { opId: 'my key', callerOpId: true } as const;
  const OWN = { opId: 'abcdef0123456789' } as const;

  // @req: shard.op-id.own, shard.op-id.caller
  test.each([
    ['an own id', OWN],
    ["a caller's key", KEYED],
  ])('a repeat is told the recorded outcome and writes nothing: %s', async (_, id) => {
    const world = await shardWorld();
    const first = await world.put('k', 'one', { ...id, ifNoneMatch: '*' });
    await world.put('k', 'two');
    const { lastSeq } = world.copy;
    const checks = [
      () => world.put('k', 'one', { ...id, ifNoneMatch: '*' }),
      async () => {
        await world.crashAndOpen();
        return world.put('k', 'one', { ...id, ifNoneMatch: '*' });
      },
      async () => {
        await world.quiet();
        await world.close();
        await world.open();
        return world.put('k', 'one', { ...id, ifNoneMatch: '*' });
      },
    ];
    for (const [openings, check] of checks.entries()) {
      expect(await check()).toEqual(first);
      expect(await world.get('k')).toBe('two');
      expect(world.copy.lastSeq).toBe(lastSeq + openings);
    }
  });

  // @req: shard.op-id.own
  test('repeats of a write under way share its one record', async () => {
    const world = await shardWorld();
    const before = world.copy.lastSeq;
    const { answers } = await race(world, () => world.startPut('k', 'one', OWN));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(world.copy.lastSeq).toBe(before + 1);
  });

  // @req: shard.op-id.own
  test('a repeat that overtakes the first while that one reads its condition writes once', async () => {
    const world = await shardWorld({ cacheBytes: 0 });
    const { etag } = await world.put('k', 'zero');
    await world.quiet();
    const before = world.copy.lastSeq;
    const { opened, open } = gate();
    world.faults.read = () => opened;
    const first = world.startPut('k', 'one', { ...OWN, ifMatch: `"${etag}"` });
    const second = world.startPut('k', 'one', { ...OWN, ifMatch: `"${etag}"` });
    open();
    expect(await world.settle(first)).toEqual(await world.settle(second));
    expect(world.copy.lastSeq).toBe(before + 1);
  });

  // @req: shard.op-id.own
  test('a clock that jumps ahead does not make a repeat a new write', async () => {
    const world = await shardWorld();
    await world.put('k', 'one', OWN);
    await world.put('k', 'two');
    for (const reopen of [async () => {}, () => world.crashAndOpen()]) {
      world.clock.jumpWall(3_600_000);
      await reopen();
      await world.put('k', 'one', OWN);
      expect(await world.get('k')).toBe('two');
    }
  });

  // @req: shard.op-id.caller
  test.each([
    ['another value', (world: ShardWorld) => world.put('k', 'two', KEYED)],
    ['another key', (world: ShardWorld) => world.put('l', 'one', KEYED)],
    ['another verb', (world: ShardWorld) => world.delete('k', KEYED)],
    ['a range', (world: ShardWorld) => deletePage(world, { start: 'a' })],
  ])("a caller's key that stood for something else is refused: %s", async (_, again) => {
    const world = await shardWorld();
    await world.put('k', 'one', KEYED);
    await expect(again(world)).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    await world.crashAndOpen();
    await expect(again(world)).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  const deletePage = (world: ShardWorld, range: { start?: string; end?: string }) =>
    world.settle(
      world.copy.deletePage(range, { ...KEYED, term: world.copy.term }, world.deadline()),
    );

  // @req: shard.op-id.caller, kv.delete-range.range
  test("a range delete under a caller's key is repeated with its figures, another range is refused", async () => {
    const world = await shardWorld();
    for (const key of ['a', 'b', 'c']) await world.put(key, key);
    const first = await deletePage(world, { start: 'a', end: 'c' });
    expect(JSON.parse(first.detail ?? '')).toEqual({ deleted: 2, next: null });
    await world.put('a', 'again');
    expect(await deletePage(world, { start: 'a', end: 'c' })).toEqual(first);
    await world.crashAndOpen();
    expect(await deletePage(world, { start: 'a', end: 'c' })).toEqual(first);
    expect(await world.keys()).toEqual(['a', 'c']);
    await expect(deletePage(world, { start: 'c' })).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
  });

  // @req: shard.op-id.caller
  test("a caller's key is forgotten after ten minutes", async () => {
    const world = await shardWorld();
    await world.put('k', 'one', KEYED);
    await world.clock.run({ forMs: CALLER_WINDOW_MS + 1 });
    expect(await world.put('k', 'two', KEYED)).toMatchObject({ etag: etagOfText('two') });
  });

  // @req: shard.op-id.caller
  test('outcomes that only the store holds are remembered', async () => {
    const world = await shardWorld({ baseLogBytes: 0, log: { segmentAgeMsMin: 0 } });
    const first = await world.put('k', 'one', KEYED);
    await world.quiet();
    await world.settle(world.copy.compact());
    await world.close();
    await world.open();
    await world.put('k', 'two');
    expect(await world.put('k', 'one', KEYED)).toEqual(first);
    expect(await world.get('k')).toBe('two');
  });

  // @req: shard.op-id.full
  test('with 100,000 keys remembered a new one is refused and none is forgotten', async () => {
    const world = new ShardWorld();
    await world.format();
    await world.fillStore(
      Array.from({ length: CALLER_OUTCOMES_MAX - 1 }, (_, index) => ({
        opId: `id ${index + 1}`,
        recordedAtMs: world.clock.wallMs(),
        fingerprint: 'delete k',
        answer: '{"status":204}',
      })),
    );
    await world.open();
    const first = await world.put('first', 'value', { opId: 'id 0', callerOpId: true });
    const beyond = { opId: 'one too many', callerOpId: true };
    await expect(world.put('k', 'x', beyond)).rejects.toMatchObject({
      code: 'idempotency_window_full',
    });
    expect(await world.put('first', 'value', { opId: 'id 0', callerOpId: true })).toEqual(first);
    expect(await world.put('k', 'without a key')).toMatchObject({ status: 204 });
  });
});

async function settled(world: ShardWorld, writes: Promise<KeyAnswer>[]) {
  const results = await world.settle(Promise.allSettled(writes));
  return results.map((result) => ({
    reason: result.status === 'rejected' ? (result.reason as unknown) : undefined,
  }));
}

describe('refusals', () => {
  // @req: kv.put.disk-full, log.disk-full
  test('a full disk refuses writes with 507, reads go on, and writes go on when there is space', async () => {
    const world = await shardWorld();
    await world.put('a', 'one');
    await fillDisk(world);
    const writes = [world.startPut('a', 'two'.repeat(900)), world.startPut('b', 'x')];
    for (const { reason } of await settled(world, writes)) {
      expect(reason).toMatchObject({ code: 'disk_full', definition: { status: 507 } });
    }
    expect(await world.get('a')).toBe('one');
    expect(await world.get('b')).toBeUndefined();
    world.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await world.quiet();
    await world.put('b', 'three');
    await world.crashAndOpen();
    expect(await world.get('a')).toBe('one');
    expect(await world.get('b')).toBe('three');
  });

  // @req: shard.op-id.caller
  test('a write that a full disk refused leaves nothing to repeat', async () => {
    const world = await shardWorld();
    await fillDisk(world);
    const keyed = { opId: 'my key', callerOpId: true };
    await expect(world.put('a', 'x'.repeat(2_000), keyed)).rejects.toMatchObject({
      code: 'disk_full',
    });
    world.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await world.quiet();
    expect(await world.put('a', 'another value', keyed)).toMatchObject({ status: 204 });
    expect(await world.get('a')).toBe('another value');
  });

  // @req: log.failed-sync
  // @req: trouble.failing-sync
  test('after a failed sync nothing is acknowledged and nothing of it shows', async () => {
    const world = await shardWorld();
    world.disk.syncFails = ({ path }) => path.includes('/log/');
    const writes = [world.startPut('a', 'one'), world.startPut('a', 'two', { ifNoneMatch: '*' })];
    for (const { reason } of await settled(world, writes)) {
      expect(reason).toMatchObject({ code: 'storage_failed' });
    }
    await expect(world.put('b', 'x')).rejects.toMatchObject({ code: 'storage_failed' });
    expect(await world.get('a')).toBeUndefined();
  });

  // @req: shard.apply.bounded
  test('writes wait while the memtable is full, for no longer than their deadline', async () => {
    const world = await shardWorld({ memtable: { rowsMax: 4 }, applier: { rowsEager: 100 } });
    world.faults.apply = () => {
      throw new Error('not now');
    };
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      await world.settle(world.startPut(key, key).catch(() => {}));
    }
    const { rows } = world.copy.backlog;
    expect(rows).toBeLessThanOrEqual(8);
    const write = world.putOf('z', 'z');
    const late = world.copy.write(write, world.copy.term, world.deadline(100));
    await expect(world.settle(late)).rejects.toMatchObject({ code: 'overloaded' });
    expect(world.copy.backlog.rows).toBe(rows);
    delete world.faults.apply;
    expect(await world.put('z', 'z')).toMatchObject({ status: 204 });
  });

  // @req: shard.apply.bounded
  test('a write that waited for room goes on as soon as the store has taken a generation', async () => {
    const world = await shardWorld({ memtable: { rowsMax: 3 }, applier: { delayMs: 60_000 } });
    const writes = Array.from({ length: 50 }, (_, index) => world.startPut(`k${index}`, 'x'));
    await world.settle(Promise.all(writes));
    const startedMs = world.clock.monotonicMs();
    for (let index = 50; index < 100; index += 1) await world.put(`k${index}`, 'x');
    expect(world.clock.monotonicMs() - startedMs).toBeLessThan(60_000);
    expect(await world.keys()).toHaveLength(100);
  });

  test('a write whose time is over is not begun', async () => {
    const world = await shardWorld();
    const late = world.copy.write(world.putOf('a', 'x'), world.copy.term, world.deadline(0));
    await expect(world.settle(late)).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(await world.get('a')).toBeUndefined();
  });

  test('an own id that a coordinator cannot have made is a bug', async () => {
    const world = await shardWorld();
    const write = world.put('a', 'x', { opId: 'short' });
    await expect(write).rejects.toMatchObject({ code: 'invariant_broken' });
  });

  // @req: state.release.refuses
  // @req: node.fence.term
  test("a term that is not the copy's is refused, 0 included", async () => {
    const world = await shardWorld();
    for (const other of [0, 2]) {
      const write = world.copy.write(world.putOf('a', 'x'), term(other), world.deadline());
      await expect(world.settle(write)).rejects.toMatchObject({ code: 'stale_term' });
    }
  });
});
