/** The life of a copy: opened, owned, released, closed, damaged, and what it tells of itself. */
import { describe, expect, test } from 'vitest';
import { copyId, seq, term } from '../../src/kernel/ids.ts';
import { RECORD_KIND } from '../../src/log/log-record.ts';
import type { KeyOperation } from '../../src/protocol/key-operation.ts';
import { acceptDamage } from '../../src/shard/accept-damage.ts';
import { createCopy, readManifest } from '../../src/shard/manifest.ts';
import { openCopy } from '../../src/shard/open-copy.ts';
import { recordOf, truncateOf } from '../simulation/log-world.ts';
import { COPY_DIRECTORY, COPY_ID, gate, ShardWorld, shardWorld } from './shard-world.ts';

describe('owning a term', () => {
  // @req: state.release.refuses
  test('nothing is served before the term has begun in the log, and everything is recorded under it', async () => {
    const world = new ShardWorld();
    await world.format();
    const copy = await world.open(0);
    const early = copy.write(world.putOf('a', 'x'), term(3), world.deadline());
    await expect(world.settle(early)).rejects.toMatchObject({ code: 'stale_term' });
    const assuming = copy.assume(term(3));
    expect(copy.term).toBe(0);
    await world.settle(assuming);
    await world.put('a', 'x');
    const records = await world.settle(world.log.read(COPY_ID, seq(1), 10_000));
    expect(records.map((record) => [record.kind, record.term])).toEqual([
      [RECORD_KIND.termStart, 3],
      [RECORD_KIND.put, 3],
    ]);
  });

  // @req: node.fence.term
  test('a term once held is not begun again, an older one is refused', async () => {
    const world = await shardWorld();
    await world.settle(world.copy.assume(term(5)));
    const { lastSeq } = world.copy;
    await world.settle(world.copy.assume(term(5)));
    await world.settle(world.copy.assume(term(4)));
    expect([world.copy.term, world.copy.lastSeq]).toEqual([5, lastSeq]);
    await world.crashAndOpen(0);
    await expect(world.settle(world.copy.assume(term(4)))).rejects.toMatchObject({
      code: 'stale_term',
    });
    await world.settle(world.copy.assume(term(5)));
    expect(world.copy.term).toBe(5);
  });

  // @req: state.release, state.release.refuses
  // @req: node.fence.term
  test('a released term is refused for ever, a later one is not', async () => {
    const world = await shardWorld();
    expect(await world.settle(world.copy.release(term(2)))).toBe(true);
    expect(world.copy.fence).toBe(2);
    const write = world.copy.write(world.putOf('a', 'x'), term(1), world.deadline());
    await expect(world.settle(write)).rejects.toMatchObject({ code: 'stale_term' });
    for (const reopen of [async () => {}, () => world.crashAndOpen(0)]) {
      await reopen();
      expect(world.copy.fence).toBe(2);
      await expect(world.settle(world.copy.assume(term(2)))).rejects.toMatchObject({
        code: 'stale_term',
      });
    }
    await world.settle(world.copy.assume(term(3)));
    expect(await world.put('a', 'x')).toMatchObject({ status: 204 });
  });

  // @req: state.release.declined
  test.each([
    ['it is acknowledged', async () => {}],
    ['it is in the store', (world: ShardWorld) => world.quiet()],
    ['the power failed', (world: ShardWorld) => world.crashAndOpen()],
    ['its key is deleted', (world: ShardWorld) => world.delete('a')],
  ])('a release is declined once a user has written: %s', async (_, later) => {
    const world = await shardWorld();
    expect(world.copy.empty).toBe(true);
    await world.put('a', 'x');
    await later(world);
    expect(await world.settle(world.copy.release(term(1)))).toBe(false);
    expect(world.copy.fence).toBe(0);
    expect(await world.put('b', 'x')).toMatchObject({ status: 204 });
  });

  // @req: state.release.declined
  test('a release is declined while a write is on its way to the disk', async () => {
    const world = await shardWorld();
    const write = world.startPut('a', 'x');
    expect(await world.settle(world.copy.release(term(1)))).toBe(false);
    expect(await world.settle(write)).toMatchObject({ status: 204 });
  });

  // @req: state.release.refuses
  test('a write that waits for a row while the copy is released is refused', async () => {
    const world = await shardWorld();
    const { opened, open } = gate();
    world.faults.read = () => opened;
    const write = world.startPut('a', 'x', { ifNoneMatch: '*' }).catch((reason: Error) => reason);
    expect(await world.settle(world.copy.release(term(1)))).toBe(true);
    open();
    expect(await world.settle(write)).toMatchObject({ code: 'stale_term' });
  });

  // @req: state.release.refuses
  test('a term that is released while it begins is not taken', async () => {
    const world = await shardWorld();
    const assuming = world.copy.assume(term(2)).catch((reason: Error) => reason);
    expect(await world.settle(world.copy.release(term(2)))).toBe(true);
    expect(await world.settle(assuming)).toMatchObject({ code: 'stale_term' });
    expect(world.copy.term).toBe(0);
  });

  test('a release that cannot be written leaves the shard where it is', async () => {
    const world = await shardWorld();
    world.disk.syncFails = ({ path }) => path.endsWith('MANIFEST.tmp');
    await expect(world.settle(world.copy.release(term(1)))).rejects.toMatchObject({
      code: 'storage_failed',
    });
    world.disk.syncFails = undefined;
    expect([world.copy.fence, world.copy.term]).toEqual([0, 0]);
    await world.settle(world.copy.assume(term(1)));
    expect(await world.put('a', 'x')).toMatchObject({ status: 204 });
  });

  test('a fence is not lost to another change of the manifest', async () => {
    const world = await shardWorld();
    world.faults.apply = (keys) => {
      if (keys.includes('bad')) throw new Error('no');
    };
    const { applier, release } = { applier: world.quiet(), release: world.copy.release(term(7)) };
    await world.settle(release);
    await applier;
    await world.settle(world.copy.assume(term(8)));
    await world.put('bad', 'x');
    await world.quiet();
    await world.crashAndOpen(0);
    expect(world.copy.fence).toBe(7);
    expect(world.copy.keptAside).toHaveLength(1);
  });

  test('deleting a range of an empty copy leaves it empty', async () => {
    const world = await shardWorld();
    const operation = { opId: world.nextId(), callerOpId: false, term: term(1) };
    const answer = await world.settle(world.copy.deletePage({}, operation, world.deadline()));
    expect(JSON.parse(answer.detail ?? '')).toEqual({ deleted: 0, next: null });
    expect(world.copy.empty).toBe(true);
    const stale = world.copy.deletePage({}, { ...operation, term: term(2) }, world.deadline());
    await expect(world.settle(stale)).rejects.toMatchObject({ code: 'stale_term' });
  });
});

describe('opening and closing', () => {
  test('a copy that is closed takes no write, reads nothing, and has lost nothing', async () => {
    const world = await shardWorld();
    await world.put('a', 'x');
    const { copy } = world;
    const late = world.startPut('b', 'on its way');
    await world.settle(copy.close());
    await world.settle(late);
    expect(copy.term).toBe(0);
    const write = copy.write(world.putOf('c', 'x'), term(1), world.deadline());
    await expect(world.settle(write)).rejects.toMatchObject({ code: 'stale_term' });
    await expect(world.settle(copy.read({ verb: 'get', key: 'z' }))).rejects.toMatchObject({
      code: 'shard_opening',
    });
    await expect(world.settle(copy.assume(term(9)))).rejects.toMatchObject({ code: 'stale_term' });
    await world.crashAndOpen();
    expect(await world.keys()).toEqual(['a', 'b']);
  });

  test('a copy closes although the store takes nothing any more', async () => {
    const world = await shardWorld();
    await world.put('a', 'x');
    world.faults.apply = () => {
      throw new Error('broken');
    };
    await world.close();
    delete world.faults.apply;
    await world.open();
    expect(await world.get('a')).toBe('x');
  });

  test('writes that wait for room are refused when the copy closes', async () => {
    const world = await shardWorld({ memtable: { rowsMax: 1 } });
    world.faults.apply = () => {
      throw new Error('broken');
    };
    await world.put('a', 'x');
    const waiting = world.startPut('b', 'x').catch((reason: Error) => reason);
    const late = world.startPut('c', 'x').catch((reason: Error) => reason);
    await world.settle(world.copy.close());
    expect(await world.settle(waiting)).toMatchObject({ code: 'stale_term' });
    expect(await world.settle(late)).toMatchObject({ code: 'stale_term' });
  });

  test('a copy that fails to open can be opened again', async () => {
    const world = await shardWorld();
    await world.put('a', 'x');
    await world.close();
    const { parts } = await world.parts();
    const path = `${COPY_DIRECTORY}/blobs/incoming`;
    let isFailing = true;
    world.disk.beforeCall = (call) => {
      if (isFailing && call.kind === 'makeDirectory' && call.path === path) {
        throw new Error('not now');
      }
    };
    await expect(world.settle(openCopy(parts, COPY_DIRECTORY))).rejects.toThrow('not now');
    isFailing = false;
    const store = world.store;
    await expect(store.read('a')).rejects.toThrow('closed');
    const copy = await world.settle(openCopy(parts, COPY_DIRECTORY));
    expect((await world.settle(copy.read({ verb: 'get', key: 'a' }))).status).toBe(200);
  });

  test('a copy whose failed opening cannot even be closed says why it failed', async () => {
    const world = await shardWorld();
    await world.close();
    const { parts } = await world.parts();
    world.faults.close = () => {
      throw new Error('cannot close');
    };
    await world.settle(parts.disk.remove(`${COPY_DIRECTORY}/blobs`));
    world.disk.beforeCall = ({ kind }) => {
      if (kind === 'makeDirectory') throw new Error('the reason');
    };
    await expect(world.settle(openCopy(parts, COPY_DIRECTORY))).rejects.toThrow('the reason');
  });

  test('a log that begins behind the store is in doubt', async () => {
    const world = new ShardWorld();
    await world.format();
    const { parts, log } = await world.parts();
    const ids = { copyId: COPY_ID, shardUid: world.shardUid };
    await world.settle(log.append([{ ...truncateOf(1, 5), ...ids }]));
    await world.settle(log.append([{ ...recordOf({ seq: 6 }), ...ids }]));
    await expect(world.settle(openCopy(parts, COPY_DIRECTORY))).rejects.toMatchObject({
      code: 'shard_in_doubt',
    });
  });

  // @req: kv.put.stored, kv.put.content-type, kv.delete.gone, kv.head
  test('operations that come in batches are carried out', async () => {
    const world = await shardWorld();
    const { copy } = world;
    const operation = (verb: KeyOperation['verb'], parts: Partial<KeyOperation> = {}) => {
      const base = { shardUid: copy.shardUid, copyId: copy.copyId, term: copy.term, key: 'a' };
      const rest = { opId: world.nextId(), callerOpId: false, deadlineMs: 1_000, requestId: '' };
      return world.settle(
        Promise.resolve(copy.execute({ verb, ...base, ...rest, ...parts }, world.deadline())),
      );
    };
    const bytes = Buffer.from('bytes');
    const { etag } = await operation('put', { value: bytes, contentType: 'text/x' });
    bytes.fill(0);
    expect(await operation('get')).toEqual({
      status: 200,
      etag,
      contentType: 'text/x',
      bytes: 5,
      value: Buffer.from('bytes'),
    });
    expect(await operation('head')).toEqual({ status: 200, etag, contentType: 'text/x', bytes: 5 });
    expect(await operation('put', { ifNoneMatch: '*' })).toMatchObject({ status: 412 });
    expect(await operation('put', { ttlMs: 500 })).toMatchObject({ status: 204 });
    expect(await operation('head')).toMatchObject({
      contentType: 'application/octet-stream',
      bytes: 0,
    });
    expect(await operation('delete', { ifMatch: '"0"' })).toMatchObject({ status: 412 });
    expect(await operation('delete')).toMatchObject({ status: 204 });
    expect(await operation('get')).toMatchObject({ status: 404 });
    expect(copy.counts).toEqual({ gets: 4, puts: 3, deletes: 2 });
  });

  test('a directory without a manifest, with a damaged one, or another log is in doubt', async () => {
    const world = await shardWorld();
    await world.put('a', 'x');
    await world.quiet();
    await world.close();
    const { parts, view, log } = await world.parts();
    const doubt = { code: 'shard_in_doubt' };
    await expect(world.settle(openCopy(parts, '/data/copies/none'))).rejects.toMatchObject(doubt);
    await world.settle(log.close());
    await world.settle(view.remove('/data/log'));
    const other = await world.parts();
    const opening = openCopy(other.parts, COPY_DIRECTORY);
    await expect(world.settle(opening)).rejects.toMatchObject(doubt);
    const file = await world.settle(view.open(`${COPY_DIRECTORY}/MANIFEST`, 'write'));
    await world.settle(file.write(0, Buffer.from('{{{')));
    await expect(world.settle(readManifest(view, COPY_DIRECTORY))).rejects.toMatchObject(doubt);
  });

  // @req: state.copy-id
  test('a copy whose creation never finished has no manifest, a created one is durable', async () => {
    const world = new ShardWorld();
    await world.format();
    const view = world.disk.boot();
    const identity = { copyId: copyId('c000000000000002'), shardUid: world.shardUid };
    await world.settle(view.makeDirectory('/data/copies/c000000000000002/blobs'));
    const directory = '/data/copies/c000000000000002';
    expect(await world.settle(readManifest(view, directory))).toBeUndefined();
    await world.settle(createCopy(view, directory, identity));
    world.crash();
    expect(await world.settle(readManifest(world.disk.boot(), directory))).toMatchObject({
      copy_id: 'c000000000000002',
      fence: 0,
    });
  });

  // @req: data.statistics
  test('a copy tells its sizes, sums and counts', async () => {
    const world = await shardWorld({ cacheBytes: 0 });
    await world.put('a', '12345');
    await world.put('b', '1');
    await world.delete('b');
    await world.get('a');
    await world.get('z');
    expect(world.copy.counts).toEqual({ gets: 2, puts: 2, deletes: 1 });
    expect(world.copy.cacheResults).toEqual({ hits: 1, misses: 1 });
    expect(await world.settle(world.copy.totals())).toEqual({ keys: 1, bytes: 5 });
    expect(world.copy.storedTotals).toEqual({ keys: 1, bytes: 5 });
    await world.settle(world.copy.compact());
    expect((await world.settle(world.copy.sizes())).base).toBeGreaterThan(0);
    expect(world.events).toMatchObject([
      { type: 'applied', rows: 2 },
      { type: 'maintained', report: { did: 'rewrite' } },
    ]);
  });

  // @req: shard.base, shard.base.complete
  test('after a new base the log before it is let go, and base and log together are complete', async () => {
    const world = await shardWorld({
      log: { segmentBytes: 2_000, segmentAgeMsMin: 0 },
      baseLogBytes: 4_000,
    });
    for (let index = 0; index < 100; index += 1) await world.put(`k${index % 7}`, `value ${index}`);
    await world.quiet();
    expect(world.log.retainedBytes()).toBeLessThan(9_000);
    await world.crashAndOpen();
    for (let index = 93; index < 100; index += 1) {
      expect(await world.get(`k${index % 7}`)).toBe(`value ${index}`);
    }
  });
});

describe('a log with a hole', () => {
  /** Eight puts over some segments; then a bit of one in the middle flips. */
  async function damagedWorld(base: 'no base' | 'base before the hole'): Promise<ShardWorld> {
    const world = await shardWorld({ log: { segmentBytes: 700 } });
    await world.put('early', 'x');
    if (base === 'base before the hole') await world.settle(world.copy.compact());
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await world.put(key, key.repeat(50));
    await world.put('a', 'late');
    world.crash();
    for (const name of await world.settle(world.disk.boot().list('/data/log'))) {
      const at = world.disk.peek(`/data/log/${name}`).indexOf('c'.repeat(50));
      if (at > 0) world.disk.flipBit(`/data/log/${name}`, at * 8);
    }
    return world;
  }

  // @req: log.damage.in-doubt
  test.each(['no base', 'base before the hole'] as const)(
    'is not opened until an operator accepts the loss; what is left then serves again: %s',
    async (base) => {
      const world = await damagedWorld(base);
      const first = await world.parts();
      await expect(world.settle(openCopy(first.parts, COPY_DIRECTORY))).rejects.toMatchObject({
        code: 'shard_in_doubt',
      });
      const missing = first.log.position(COPY_ID)?.missing;
      expect(missing).toBeDefined();
      await world.settle(acceptDamage(first.parts, COPY_DIRECTORY));
      await world.settle(first.log.close());
      for (const reopen of [() => world.open(), () => world.crashAndOpen()]) {
        await reopen();
        const keys = await world.keys();
        expect(keys).toContain('early');
        expect(await world.get('a')).toBe('late');
        expect(keys).not.toContain('c');
        expect(keys).toContain('f');
        await world.put('new', 'x');
        await world.quiet();
      }
    },
  );

  // @req: log.damage.in-doubt
  test('whose end nobody knows is given up behind what is certain', async () => {
    const world = await shardWorld();
    await world.put('early', 'x');
    for (const at of [1, 2, 3])
      await world.settle(world.log.append([recordOf({ copy: 2, seq: at })]));
    world.crash();
    const [name] = await world.settle(world.disk.boot().list('/data/log'));
    const path = `/data/log/${name}`;
    world.disk.flipBit(path, world.disk.peek(path).indexOf('copy 2 seq 1') * 8);
    const { parts, log } = await world.parts();
    expect(log.position(COPY_ID)?.missing).toEqual({ after: 2, until: undefined });
    await world.settle(acceptDamage(parts, COPY_DIRECTORY));
    await world.settle(log.close());
    await world.open();
    expect(await world.get('early')).toBe('x');
    await world.put('new', 'x');
    await world.crashAndOpen();
    expect(await world.keys()).toEqual(['early', 'new']);
  });

  // @req: log.damage.in-doubt
  test('accepting the loss may be cut short at any call and is done again', async () => {
    for (let call = 1; call < 400; call += 7) {
      const world = await damagedWorld('no base');
      const { parts } = await world.parts();
      let left = call;
      world.disk.beforeCall = () => {
        left -= 1;
        if (left === 0) world.disk.crash();
      };
      const outcome = await world.settle(
        acceptDamage(parts, COPY_DIRECTORY).then(
          () => 'done',
          () => 'cut',
        ),
      );
      world.disk.beforeCall = undefined;
      world.crash();
      const again = await world.parts();
      if (again.log.position(COPY_ID)?.inDoubt) {
        await world.settle(acceptDamage(again.parts, COPY_DIRECTORY));
      }
      await world.settle(again.log.close());
      await world.open();
      expect(await world.get('early')).toBe('x');
      expect(await world.get('a')).toBe('late');
      if (outcome === 'done') break;
    }
  });
});
