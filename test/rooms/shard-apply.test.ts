/** What happens when the store refuses: rebuilt, asked in halves, kept aside, given up; and what readers see meanwhile. */
import { describe, expect, test } from 'vitest';
import { ToruaError } from '../../src/kernel/errors.ts';
import { ASIDE_MAX } from '../../src/shard/set-aside.ts';
import { gate, ShardWorld, shardWorld } from './shard-world.ts';

/** Makes the store refuse every batch that holds one of these keys. */
function poison(world: ShardWorld, ...poisoned: string[]): void {
  world.faults.apply = (keys) => {
    if (keys.some((key) => poisoned.includes(key))) throw new Error('the engine says no');
  };
}

async function worldWithAside(): Promise<ShardWorld> {
  const world = await shardWorld();
  await world.put('bad', 'old');
  await world.settle(world.copy.compact());
  poison(world, 'bad');
  for (const key of ['a', 'b', 'bad', 'c', 'd']) await world.put(key, `new ${key}`);
  await world.quiet();
  return world;
}

describe('one change that the store does not take', () => {
  // @req: shard.apply.aside, shard.apply.recovers
  test('is kept aside, and everything else goes on', async () => {
    const world = await worldWithAside();
    expect(world.events.filter(({ type }) => type === 'kept_aside')).toMatchObject([
      { type: 'kept_aside', key: 'bad', reason: 'Error: the engine says no' },
    ]);
    expect(world.copy.keptAside).toHaveLength(1);
    expect(world.copy.backlog.rows).toBe(0);
    expect(await world.settle(world.store.read('a'))).toBeDefined();
    expect(await world.get('bad')).toBe('new bad');
    expect(await world.keys()).toEqual(['a', 'b', 'bad', 'c', 'd']);
    await world.put('e', 'later');
    await world.quiet();
    expect((await world.settle(world.copy.totals())).keys).toBe(6);
  });

  // @req: shard.apply.aside, shard.op-id.caller
  test("takes no caller's outcome with it", async () => {
    const world = await shardWorld();
    poison(world, 'bad');
    const keyed = { callerOpId: true, opId: 'my key' };
    const first = await world.put('good', 'x', keyed);
    const aside = await world.put('bad', 'x', { ...keyed, opId: 'my other key' });
    await world.quiet();
    await world.settle(world.copy.compact());
    expect(await world.settle(world.store.outcomes())).toHaveLength(2);
    await world.crashAndOpen();
    const { lastSeq } = world.copy;
    expect(await world.put('good', 'x', keyed)).toEqual(first);
    expect(await world.put('bad', 'x', { ...keyed, opId: 'my other key' })).toEqual(aside);
    expect(world.copy.lastSeq).toBe(lastSeq);
  });

  // @req: shard.apply.aside
  test('is still there after a power failure, also when base and log have gone on', async () => {
    const world = await worldWithAside();
    const { keptAside } = world.copy;
    await world.settle(world.copy.compact());
    for (const reopen of [
      () => world.crashAndOpen(),
      () => world.close().then(() => world.open()),
    ]) {
      await reopen();
      expect(world.copy.keptAside).toEqual(keptAside);
      expect(await world.get('bad')).toBe('new bad');
      expect(await world.keys()).toEqual(['a', 'b', 'bad', 'c', 'd']);
    }
  });

  // @req: shard.apply.aside
  test('does not hold the log', async () => {
    const world = new ShardWorld({ log: { segmentBytes: 2_000, segmentAgeMsMin: 0 } });
    await world.format();
    await world.open();
    poison(world, 'bad');
    await world.put('bad', 'x');
    for (let index = 0; index < 40; index += 1) await world.put('k', 'x'.repeat(200));
    await world.settle(world.copy.compact());
    await world.quiet();
    expect(world.log.retainedBytes()).toBeLessThan(4_000);
    expect(await world.get('bad')).toBe('x');
  });

  // @req: shard.apply.aside
  test('gives way to the next write of its key, for good', async () => {
    const world = await worldWithAside();
    delete world.faults.apply;
    await world.put('bad', 'newest');
    expect(await world.get('bad')).toBe('newest');
    await world.quiet();
    expect(world.copy.keptAside).toEqual([]);
    for (const reopen of [async () => {}, () => world.crashAndOpen()]) {
      await reopen();
      await world.quiet();
      expect(await world.get('bad')).toBe('newest');
    }
  });

  test('is replaced by a newer one of its key that the store refuses as well', async () => {
    const world = await worldWithAside();
    const [first] = world.copy.keptAside;
    await world.delete('bad');
    await world.quiet();
    expect(world.copy.keptAside).toHaveLength(1);
    expect(world.copy.keptAside[0]).toBeGreaterThan(first ?? 0);
    await world.crashAndOpen();
    expect(await world.get('bad')).toBeUndefined();
    expect(await world.keys()).toEqual(['a', 'b', 'c', 'd']);
  });

  // @req: shard.apply.aside
  test('is given up by an operator: readers then see what the store has, also after a replay', async () => {
    const world = await worldWithAside();
    const [kept = 0] = world.copy.keptAside;
    await expect(world.settle(world.copy.skip(kept + 1))).rejects.toMatchObject({
      code: 'nothing_kept_aside',
    });
    await world.settle(world.copy.skip(kept));
    expect(world.copy.keptAside).toEqual([]);
    expect(await world.get('bad')).toBe('old');
    await world.crashAndOpen();
    await world.quiet();
    expect(world.copy.keptAside).toEqual([]);
    expect(await world.get('bad')).toBe('old');
    await expect(world.settle(world.copy.skip(kept))).rejects.toMatchObject({
      code: 'nothing_kept_aside',
    });
  });

  test('is given up only by the copy that owns the shard', async () => {
    const world = await worldWithAside();
    const [kept = 0] = world.copy.keptAside;
    await world.crashAndOpen(0);
    await expect(world.settle(world.copy.skip(kept))).rejects.toMatchObject({ code: 'stale_term' });
  });

  test('counts as a write: the copy is not empty', async () => {
    const world = await shardWorld();
    poison(world, 'bad');
    await world.put('bad', 'x');
    await world.quiet();
    await world.settle(world.copy.compact());
    await world.crashAndOpen();
    expect(world.copy.empty).toBe(false);
  });

  test('of many: no more are kept aside than the limit, then the store is not believed', async () => {
    const world = await shardWorld({ memtable: { rowsMax: 10_000 } });
    world.faults.apply = (keys) => {
      if (keys.length > 0) throw new Error('the engine says no to everything');
    };
    const keys = Array.from({ length: ASIDE_MAX + 20 }, (_, index) => `k${index}`);
    await world.settle(Promise.all(keys.map((key) => world.startPut(key, key))));
    await world.quiet();
    expect(world.copy.keptAside).toHaveLength(ASIDE_MAX);
    expect(world.copy.backlog.rows).toBeGreaterThan(0);
    for (const key of keys) expect(await world.get(key)).toBe(key);
    delete world.faults.apply;
    await world.clock.run({ forMs: 60_000 });
    expect(world.copy.backlog.rows).toBe(0);
    for (const key of keys) expect(await world.get(key)).toBe(key);
  });
});

describe('a store that does not work for a while', () => {
  // @req: shard.apply.recovers
  test.each(['disk_full', 'deadline_exceeded'] as const)(
    '%s keeps nothing aside and is waited out',
    async (code) => {
      const world = await shardWorld();
      let tries = 0;
      world.faults.apply = () => {
        tries += 1;
        throw new ToruaError(code, 'for a while');
      };
      world.faults.rebuild = () => {
        throw new ToruaError(code, 'for a while');
      };
      await world.put('a', 'one');
      await world.clock.run({ forMs: 60_000 });
      expect(tries).toBeLessThan(12);
      expect(world.copy.keptAside).toEqual([]);
      expect(await world.get('a')).toBe('one');
      expect(await world.get('b')).toBeUndefined();
      world.faults.apply = undefined;
      world.faults.rebuild = undefined;
      await world.clock.run({ forMs: 60_000 });
      expect(world.copy.backlog.rows).toBe(0);
      expect(await world.settle(world.store.read('a'))).toBeDefined();
    },
  );

  // @req: shard.apply.recovers
  test('refusing even nothing is the fault of no record', async () => {
    const world = await shardWorld();
    world.faults.apply = () => {
      throw new Error('broken');
    };
    await world.put('a', 'one');
    await world.clock.run({ forMs: 10_000 });
    expect(world.copy.keptAside).toEqual([]);
    world.faults.apply = undefined;
    await world.clock.run({ forMs: 60_000 });
    expect(await world.settle(world.store.read('a'))).toBeDefined();
  });

  // @req: shard.doubt, shard.apply.recovers
  test('a rebuild that stops half way leaves no gap: what the base lacks is replayed first', async () => {
    const world = await shardWorld();
    for (const key of ['a', 'b', 'c']) await world.put(key, 'early');
    await world.quiet();
    let failures = 0;
    world.faults.apply = (keys) => {
      failures += 1;
      if (failures === 1) throw new Error('refused');
      if (keys.includes('a')) throw new ToruaError('disk_full', 'in the middle of the replay');
    };
    await world.put('d', 'late');
    await world.clock.run({ forMs: 300 });
    // The store fell back to its base: what it lacks must not look as if it did not exist.
    expect(await world.get('d')).toBe('late');
    await expect(world.get('zzz')).rejects.toMatchObject({ code: 'shard_opening' });
    await expect(world.keys()).rejects.toMatchObject({ code: 'shard_opening' });
    world.faults.apply = undefined;
    await world.clock.run({ forMs: 60_000 });
    expect(await world.keys()).toEqual(['a', 'b', 'c', 'd']);
    for (const key of ['a', 'b', 'c', 'd']) {
      expect(await world.settle(world.store.read(key))).toBeDefined();
    }
  });

  // @req: kv.get.read-your-write
  test('a read that began before a rebuild does not answer with the base', async () => {
    const world = await shardWorld({ cacheBytes: 0 });
    await world.put('a', 'one');
    await world.quiet();
    const { opened, open } = gate();
    world.faults.read = () => opened;
    const read = world.copy.read({ verb: 'get', key: 'a' }).catch((reason: Error) => reason);
    poison(world, 'bad');
    await world.put('bad', 'x');
    await world.quiet();
    open();
    expect(await world.settle(read)).toMatchObject({ code: 'shard_opening' });
    expect(await world.get('a')).toBe('one');
  });

  // @req: shard.apply.bounded
  test('memory stays bounded while the store takes nothing, and nothing is lost when it does again', async () => {
    const world = await shardWorld({ memtable: { rowsMax: 10 }, applier: { rowsEager: 5 } });
    world.faults.apply = () => {
      throw new Error('broken');
    };
    const written: string[] = [];
    for (let index = 0; index < 60; index += 1) {
      const key = `k${String(index).padStart(2, '0')}`;
      const write = world.copy.write(world.putOf(key, key), world.copy.term, world.deadline(400));
      const answer = await world.settle(write.catch(() => undefined));
      if (answer) written.push(key);
      expect(world.copy.backlog.rows).toBeLessThanOrEqual(20);
    }
    expect(written.length).toBeGreaterThanOrEqual(10);
    world.faults.apply = undefined;
    await world.clock.run({ forMs: 60_000 });
    expect(await world.keys()).toEqual(written);
  });

  test('maintenance that fails is tried again, ever more slowly, and loses nothing', async () => {
    const world = await shardWorld();
    let tries = 0;
    world.faults.maintain = () => {
      tries += 1;
      throw new Error('no checkpoint');
    };
    await world.put('a', 'one');
    await world.clock.run({ forMs: 60_000 });
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(12);
    expect(await world.get('a')).toBe('one');
    world.faults.maintain = undefined;
    await world.clock.run({ forMs: 60_000 });
    expect(world.clock.pending).toBe(0);
  });

  test('maintenance that fails does not hold up what is written', async () => {
    const world = await shardWorld();
    world.faults.maintain = () => {
      throw new Error('no room for a base');
    };
    for (let number = 0; number < 20; number += 1) {
      await world.put(`k${number}`, 'text');
      await world.clock.run({ forMs: 2_000 });
      expect(world.copy.backlog.rows).toBe(0);
    }
  });

  // @req: shard.doubt
  test('a store in doubt after maintenance is rebuilt from base and log', async () => {
    const world = await shardWorld();
    await world.put('a', 'one');
    let isInDoubt = false;
    let rebuilds = 0;
    world.faults.maintain = () => {
      if (rebuilds > 0) return;
      isInDoubt = true;
      throw new Error('the checkpoint failed half way');
    };
    world.faults.apply = () => {
      if (isInDoubt) throw new ToruaError('shard_in_doubt', 'nothing is written any more');
    };
    world.faults.rebuild = () => {
      rebuilds += 1;
      isInDoubt = false;
    };
    await world.clock.run({ forMs: 60_000 });
    expect(rebuilds).toBe(1);
    expect(await world.settle(world.store.read('a'))).toBeDefined();
    expect(world.copy.keptAside).toEqual([]);
  });
});

describe('applying', () => {
  // @req: shard.apply.lazy, shard.apply.exactly-once
  test('is lazy, in one transaction for many writes', async () => {
    const world = await shardWorld();
    const batches: number[] = [];
    world.faults.apply = (keys) => void batches.push(keys.length);
    for (let index = 0; index < 20; index += 1) await world.put(`k${index % 10}`, 'x');
    expect(batches).toEqual([]);
    await world.quiet();
    expect(batches).toEqual([10]);
    expect(world.store.appliedSeq).toBe(world.copy.lastSeq);
  });

  // @req: shard.read-order
  test('reads see memtable, then cache, then store, and always the newest', async () => {
    for (const cacheBytes of [0, 1 << 20]) {
      const world = await shardWorld({ cacheBytes });
      let reads = 0;
      world.faults.read = () => {
        reads += 1;
        return undefined;
      };
      await world.put('a', 'one');
      expect(await world.get('a')).toBe('one');
      expect(reads).toBe(0);
      await world.quiet();
      expect(await world.get('a')).toBe('one');
      expect(reads).toBe(cacheBytes === 0 ? 1 : 0);
    }
  });

  // @req: kv.get.read-your-write
  test.each([0, 1 << 20])(
    'a slow read of the store never brings an older value back (cache of %i bytes)',
    async (cacheBytes) => {
      const world = await shardWorld({ cacheBytes });
      await world.put('a', 'old');
      await world.quiet();
      await world.close();
      await world.open();
      const { opened, open } = gate();
      let calls = 0;
      world.faults.read = () => {
        calls += 1;
        return calls === 1 ? opened : undefined;
      };
      // Appended, not yet committed: the read begins in between and ends long after.
      const write = world.startPut('a', 'new');
      await Promise.resolve();
      const slow = world.copy.read({ verb: 'get', key: 'a' });
      await world.settle(write);
      await world.quiet();
      const after = world.get('a');
      expect(await after).toBe('new');
      open();
      await world.settle(slow);
      expect(await world.get('a')).toBe('new');
    },
  );
});
