/** Large values: durable before they are named, swept when nothing names them, never swept when something does. */
import { describe, expect, test } from 'vitest';
import { valueHash } from '../../src/shard/etag.ts';
import { COPY_DIRECTORY, gate, type ShardWorld, shardWorld } from './shard-world.ts';

const BLOBS = `${COPY_DIRECTORY}/blobs`;
const pathOf = (blob: string): string => `${BLOBS}/${blob.slice(0, 2)}/${blob}`;

async function exists(world: ShardWorld, blob: string): Promise<boolean> {
  return world.settle(world.disk.boot().exists(pathOf(blob)));
}

async function incoming(world: ShardWorld): Promise<string[]> {
  return world.settle(world.disk.boot().list(`${BLOBS}/incoming`));
}

describe('a large value', () => {
  // @req: shard.blob.file, shard.blob.order, kv.etag.definition
  test('is a durable file named by its hash before a record names it', async () => {
    const world = await shardWorld();
    const order: string[] = [];
    world.disk.beforeCall = ({ kind, path }) => {
      if (kind === 'sync' || kind === 'syncDirectory') order.push(`${kind} ${path}`);
    };
    const { blob, answer } = await world.putBlob('k', 'large');
    world.disk.beforeCall = undefined;
    const hash = valueHash('text/plain');
    hash.update(Buffer.from('lar'));
    hash.update(Buffer.from('ge'));
    expect(blob).toBe(hash.digest());
    expect(answer).toMatchObject({ status: 204, etag: blob.slice(0, 32) });
    expect(order.slice(0, 4)).toEqual([
      `sync ${BLOBS}/incoming/1`,
      `syncDirectory ${BLOBS}`,
      `syncDirectory ${BLOBS}/${blob.slice(0, 2)}`,
      'sync /data/log/0000000000000001.seg',
    ]);
    expect(await world.settle(world.copy.read({ verb: 'get', key: 'k' }))).toMatchObject({
      status: 200,
      bytes: 5,
      value: undefined,
    });
    for (const reopen of [async () => {}, () => world.crashAndOpen()]) {
      await reopen();
      expect(await world.getBlob('k')).toBe('large');
    }
    expect(await world.settle(world.copy.openBlob('none'))).toBeUndefined();
  });

  // @req: shard.blob.sweep
  test('that is replaced or deleted is swept, one that is named stays', async () => {
    const world = await shardWorld();
    const { blob: replaced } = await world.putBlob('a', 'one');
    const { blob: deleted } = await world.putBlob('b', 'two');
    const { blob: shared } = await world.putBlob('c', 'three');
    await world.putBlob('d', 'three');
    expect(await world.settle(world.copy.sweepBlobs())).toBe(0);
    await world.put('a', 'small');
    await world.delete('b');
    await world.delete('c');
    await world.quiet();
    expect(await world.settle(world.copy.sweepBlobs())).toBe(2);
    expect([await exists(world, replaced), await exists(world, deleted)]).toEqual([false, false]);
    expect(await exists(world, shared)).toBe(true);
    expect(await world.getBlob('d')).toBe('three');
  });

  // @req: shard.blob.sweep
  test('whose record never came is swept after a restart, half written ones at once', async () => {
    const world = await shardWorld();
    const writer = await world.settle(world.copy.blobs.begin('text/plain'));
    await world.settle(writer.write(Buffer.from('orphan')));
    const { blob } = await world.settle(writer.finish());
    const half = await world.settle(world.copy.blobs.begin('text/plain'));
    await world.settle(half.write(Buffer.from('half')));
    expect(await world.settle(world.copy.sweepBlobs())).toBe(0);
    world.disk.kill();
    world.clock.clear();
    await world.open();
    expect(await incoming(world)).toEqual([]);
    expect(await exists(world, blob)).toBe(true);
    expect(await world.settle(world.copy.sweepBlobs())).toBe(1);
    expect(await exists(world, blob)).toBe(false);
  });

  // @req: shard.blob.sweep
  test('that comes again while a sweep is looking at it is not swept', async () => {
    const world = await shardWorld();
    const { blob } = await world.putBlob('a', 'one');
    await world.delete('a');
    await world.quiet();
    const { opened, open } = gate();
    world.faults.blobNames = () => opened;
    const sweep = world.copy.sweepBlobs();
    // Named, committed, in the store, no longer held: all of it after the sweep asked the store.
    await world.putBlob('b', 'one');
    await world.quiet();
    open();
    expect(await world.settle(sweep)).toBe(0);
    expect(await exists(world, blob)).toBe(true);
    expect(await world.getBlob('b')).toBe('one');
    await world.delete('b');
    await world.quiet();
    delete world.faults.blobNames;
    expect(await world.settle(world.copy.sweepBlobs())).toBe(1);
  });

  // @req: shard.blob.sweep
  test('that is being read is not swept', async () => {
    const world = await shardWorld();
    const { blob } = await world.putBlob('a', 'one');
    const release = world.copy.blobs.hold(blob);
    const other = world.copy.blobs.hold(blob);
    await world.delete('a');
    await world.quiet();
    release();
    release();
    expect(await world.settle(world.copy.sweepBlobs())).toBe(0);
    other();
    await world.put('x', 'wakes the sweep');
    await world.quiet();
    expect(await world.settle(world.copy.sweepBlobs())).toBe(1);
  });

  test('that was replaced while it was opened is looked up again; one that is missing is an error', async () => {
    const world = await shardWorld({ cacheBytes: 0 });
    const { blob } = await world.putBlob('a', 'one');
    await world.quiet();
    const { opened, open } = gate();
    let calls = 0;
    world.faults.read = () => {
      calls += 1;
      return calls === 1 ? opened : undefined;
    };
    const opening = world.copy.openBlob('a');
    await world.putBlob('a', 'two');
    await world.quiet();
    expect(await world.settle(world.copy.sweepBlobs())).toBe(1);
    expect(await exists(world, blob)).toBe(false);
    open();
    const found = await world.settle(opening);
    expect((await world.settle(found?.file.read(0, 10) ?? Promise.reject()))?.toString()).toBe(
      'two',
    );
    const { blob: second } = await world.putBlob('a', 'two');
    await world.settle(world.disk.boot().remove(pathOf(second)));
    await expect(world.settle(world.copy.openBlob('a'))).rejects.toMatchObject({
      code: 'storage_failed',
    });
  });

  test('that is not stored leaves nothing behind', async () => {
    const world = await shardWorld();
    const aborted = await world.settle(world.copy.blobs.begin('text/plain'));
    await world.settle(aborted.write(Buffer.from('x')));
    await world.settle(aborted.abort());
    await world.settle(aborted.abort());
    expect(await incoming(world)).toEqual([]);
    for (const failing of ['incoming', 'blobs', 'folder'] as const) {
      const writer = await world.settle(world.copy.blobs.begin('text/plain'));
      await world.settle(writer.write(Buffer.from('x')));
      world.disk.syncFails = ({ kind, path }) =>
        failing === (kind === 'file' ? 'incoming' : path === BLOBS ? 'blobs' : 'folder');
      await expect(world.settle(writer.finish())).rejects.toMatchObject({ code: 'storage_failed' });
      world.disk.syncFails = undefined;
      await world.settle(writer.abort());
      expect(await incoming(world)).toEqual([]);
    }
    // What a failed finish has named is held by nobody.
    expect(await world.settle(world.copy.blobs.list())).toHaveLength(1);
    await world.put('x', 'wakes the sweep');
    await world.settle(world.copy.sweepBlobs());
    expect(await world.settle(world.copy.blobs.list())).toEqual([]);
    expect(await world.settle(world.copy.blobs.size())).toBe(0);
  });

  test('in a folder whose making failed is as durable as any other', async () => {
    const world = await shardWorld();
    world.disk.syncFails = ({ path }) => path === BLOBS;
    await expect(world.putBlob('a', 'one')).rejects.toMatchObject({ code: 'storage_failed' });
    world.disk.syncFails = undefined;
    await world.putBlob('a', 'one');
    for (let power = 0; power < 5; power += 1) {
      await world.crashAndOpen();
      expect(await world.getBlob('a')).toBe('one');
    }
  });

  // @req: kv.put.disk-full
  test('on a full disk is refused, and stored when there is space', async () => {
    const world = await shardWorld();
    world.disk.capacityBytes = await world.settle(world.disk.boot().sizeOf('/'));
    const writer = await world.settle(world.copy.blobs.begin('text/plain'));
    const write = world.settle(writer.write(Buffer.alloc(5_000)));
    await expect(write).rejects.toMatchObject({ code: 'disk_full' });
    await world.settle(writer.abort());
    world.disk.capacityBytes = Number.POSITIVE_INFINITY;
    await world.putBlob('a', 'one');
    expect(await world.getBlob('a')).toBe('one');
  });

  // @req: shard.apply.aside, shard.blob.sweep
  test('that is kept aside is not swept', async () => {
    const world = await shardWorld();
    world.faults.apply = (keys) => {
      if (keys.includes('bad')) throw new Error('no');
    };
    await world.putBlob('bad', 'large');
    await world.quiet();
    await world.crashAndOpen();
    expect(world.copy.keptAside).toHaveLength(1);
    expect(await world.settle(world.copy.sweepBlobs())).toBe(0);
    expect(await world.getBlob('bad')).toBe('large');
  });

  test('a sweep that fails is done again', async () => {
    const world = await shardWorld();
    await world.putBlob('a', 'one');
    await world.delete('a');
    await world.quiet();
    world.faults.blobNames = () => Promise.reject(new Error('later'));
    await expect(world.settle(world.copy.sweepBlobs())).rejects.toThrow('later');
    delete world.faults.blobNames;
    expect(await world.settle(world.copy.sweepBlobs())).toBe(1);
    expect(await world.settle(world.copy.sweepBlobs())).toBe(0);
  });
});

describe('an acknowledged large value', () => {
  // @req: shard.blob.order
  test('survives a power failure at any call after it was acknowledged', async () => {
    for (let seed = 1; seed <= 25; seed += 1) {
      const world = await shardWorld({ seed });
      await world.putBlob('a', `value ${seed}`);
      await world.crashAndOpen();
      expect(await world.getBlob('a')).toBe(`value ${seed}`);
    }
  });

  // @req: shard.blob.order
  test.each(['sync', 'syncDirectory'] as const)('needs each %s of its files', async (kind) => {
    let lost = 0;
    for (let seed = 1; seed <= 25; seed += 1) {
      const world = await shardWorld({ seed });
      world.disk.syncFilter = (call) =>
        !call.path.startsWith(BLOBS) || (call.kind === 'file') !== (kind === 'sync');
      await world.putBlob('a', `value ${seed}`);
      world.disk.syncFilter = undefined;
      await world.crashAndOpen();
      const found = await world.getBlob('a').catch(() => 'lost');
      if (found !== `value ${seed}`) lost += 1;
    }
    expect(lost).toBeGreaterThan(0);
  });
});
