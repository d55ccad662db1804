import { describe, expect, test } from 'vitest';
import { SimDisk } from '../../test/simulation/sim-disk.ts';
import { simRandom } from '../../test/simulation/sim-random.ts';
import { copyId, seq, shardUid } from '../kernel/ids.ts';
import { createCopy, ManifestFile, readManifest } from './manifest.ts';
import { SetAside } from './set-aside.ts';
import type { StoredValue } from './store.ts';

const DIRECTORY = '/copies/c';
const inline: StoredValue = {
  contentType: 'text/plain',
  etag: 'e'.repeat(32),
  bytes: 3,
  expiresAtMs: 7,
  value: Buffer.from([0, 255, 1]),
};
const { value: _, ...large } = { ...inline, blob: 'b'.repeat(64) };

async function machine() {
  const sim = new SimDisk({ random: simRandom(1) });
  const disk = sim.boot();
  await disk.makeDirectory('/copies');
  await disk.syncDirectory('/');
  await createCopy(disk, DIRECTORY, { copyId: copyId('c'), shardUid: shardUid('5') });
  const open = async () => {
    const manifest = await readManifest(sim.boot(), DIRECTORY);
    if (!manifest) throw new Error('no manifest');
    const file = new ManifestFile(sim.boot(), DIRECTORY, manifest);
    return { file, aside: new SetAside(file) };
  };
  return { sim, open };
}

describe('changes kept aside', () => {
  // @req: shard.apply.aside
  test('are durable with their values', async () => {
    const { sim, open } = await machine();
    const { aside } = await open();
    await aside.keep({ key: 'a', stored: inline, seq: seq(5) });
    await aside.keep({ key: 'b', stored: large, seq: seq(3) });
    await aside.keep({ key: 'c', stored: undefined, seq: seq(5) });
    expect(aside.seqs).toEqual([3, 5]);
    sim.crash();
    const again = (await open()).aside;
    expect(again.entries).toEqual(aside.entries);
    expect(again.seqs).toEqual([3, 5]);
  });

  test('are the newest of their key; older ones are covered', async () => {
    const { open } = await machine();
    const { aside } = await open();
    expect(await aside.keep({ key: 'a', stored: inline, seq: seq(5) })).toBe(true);
    expect(await aside.keep({ key: 'a', stored: undefined, seq: seq(4) })).toBe(false);
    expect(aside.entries.get('a')?.stored).toEqual(inline);
    expect([4, 5, 6].map((at) => aside.covers('a', seq(at)))).toEqual([true, true, false]);
    expect(aside.covers('b', seq(5))).toBe(false);
  });

  test('give way to newer changes of their keys, and only to those', async () => {
    const { sim, open } = await machine();
    const { aside } = await open();
    await aside.supersede([{ key: 'a', stored: undefined, seq: seq(1) }]);
    await aside.keep({ key: 'a', stored: inline, seq: seq(5) });
    await aside.keep({ key: 'b', stored: inline, seq: seq(5) });
    await aside.supersede([
      { key: 'a', stored: undefined, seq: seq(6) },
      { key: 'b', stored: undefined, seq: seq(4) },
    ]);
    expect([...aside.entries.keys()]).toEqual(['b']);
    sim.crash();
    expect([...(await open()).aside.entries.keys()]).toEqual(['b']);
  });

  test('that were given up stay so until the base has passed them', async () => {
    const { sim, open } = await machine();
    const { aside } = await open();
    for (const at of [5, 6]) await aside.keep({ key: `k${at}`, stored: inline, seq: seq(at) });
    await aside.keep({ key: 'other', stored: inline, seq: seq(5) });
    expect(await aside.giveUp(5, seq(0))).toEqual(['k5', 'other']);
    sim.crash();
    const again = await open();
    expect([...again.aside.entries.keys()]).toEqual(['k6']);
    expect(again.aside.covers('k5', seq(5))).toBe(true);
    expect(again.aside.covers('k5', seq(6))).toBe(false);
    expect(again.aside.covers('k7', seq(5))).toBe(false);
    await again.aside.giveUp(6, seq(5));
    expect(again.file.current.skipped).toEqual([{ seq: 6, key: 'k6' }]);
  });
});

describe('the manifest of an open copy', () => {
  test('loses no change to another one that is made at the same time', async () => {
    const { sim, open } = await machine();
    const { file, aside } = await open();
    await Promise.all([
      aside.keep({ key: 'a', stored: inline, seq: seq(5) }),
      file.change((manifest) => ({ ...manifest, fence: 7 })),
      aside.keep({ key: 'b', stored: inline, seq: seq(6) }),
    ]);
    sim.crash();
    const { current } = (await open()).file;
    expect([current.fence, current.aside.map(({ key }) => key)]).toEqual([7, ['a', 'b']]);
  });

  test('stays as it was when a change cannot be written', async () => {
    const { sim, open } = await machine();
    const { file } = await open();
    sim.syncFails = () => true;
    await expect(file.change((manifest) => ({ ...manifest, fence: 7 }))).rejects.toThrow();
    sim.syncFails = undefined;
    expect(file.current.fence).toBe(0);
    await file.change((manifest) => ({ ...manifest, fence: manifest.fence + 1 }));
    expect(file.current.fence).toBe(1);
  });
});
