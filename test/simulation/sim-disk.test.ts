/** What the simulated disk forgets, and what it must not. */
import { expect, test } from 'vitest';
import { SimClock } from './sim-clock.ts';
import { SimDisk } from './sim-disk.ts';
import { SECTOR_BYTES } from './sim-disk-tree.ts';
import { simRandom } from './sim-random.ts';

/** Plays the same story for many seeds; how often each result came. */
async function results(
  play: (sim: SimDisk) => Promise<string>,
  seeds = 200,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let seed = 1; seed <= seeds; seed += 1) {
    const result = await play(new SimDisk({ random: simRandom(seed) }));
    counts.set(result, (counts.get(result) ?? 0) + 1);
  }
  return counts;
}

async function writtenFile(sim: SimDisk, bytes: Buffer) {
  const disk = sim.boot();
  const file = await disk.open('/file', 'write');
  await disk.syncDirectory('/');
  await file.write(0, bytes);
  return file;
}

// @req: sim.disk-forgets
test('a power failure keeps what was synced', async () => {
  const found = await results(async (sim) => {
    const file = await writtenFile(sim, Buffer.alloc(2_000, 'a'));
    await file.sync();
    sim.crash();
    return sim.peek('/file').toString();
  });
  expect([...found.keys()]).toEqual(['a'.repeat(2_000)]);
});

// @req: sim.disk-forgets
test('a power failure keeps any subset of unsynced sectors, never a part of one', async () => {
  const found = await results(async (sim) => {
    const file = await writtenFile(sim, Buffer.alloc(3 * SECTOR_BYTES, 'a'));
    await file.sync();
    await file.write(0, Buffer.alloc(3 * SECTOR_BYTES, 'b'));
    sim.crash();
    const bytes = sim.peek('/file');
    const sectors = [0, 1, 2].map((at) =>
      bytes.subarray(at * SECTOR_BYTES, (at + 1) * SECTOR_BYTES),
    );
    expect(sectors.every((sector) => sector.every((byte) => byte === sector[0]))).toBe(true);
    return sectors.map((sector) => String.fromCharCode(sector[0] ?? 0)).join('');
  }, 500);
  expect([...found.keys()].sort()).toEqual([
    'aaa',
    'aab',
    'aba',
    'abb',
    'baa',
    'bab',
    'bba',
    'bbb',
  ]);
});

test('an unsynced length may persist without its bytes, and the other way round', async () => {
  const found = await results(async (sim) => {
    const file = await writtenFile(sim, Buffer.alloc(100, 'a'));
    await file.sync();
    await file.write(100, Buffer.alloc(1_000, 'b'));
    sim.crash();
    const bytes = sim.peek('/file');
    return `${bytes.length === 1_100 ? 'long' : bytes.length === 100 ? 'short' : 'between'} ${bytes.includes('b') ? 'b' : '-'}`;
  });
  expect([...found.keys()].sort()).toEqual([
    'between -',
    'between b',
    'long -',
    'long b',
    'short -',
  ]);
});

test('an unsynced truncation may come back, with the old bytes', async () => {
  const found = await results(async (sim) => {
    const file = await writtenFile(sim, Buffer.alloc(2_000, 'a'));
    await file.sync();
    await file.truncate(0);
    sim.crash();
    return sim.peek('/file').length === 0
      ? 'cut'
      : sim.peek('/file').includes('a')
        ? 'back'
        : 'zeros';
  });
  expect([...found.keys()].sort()).toEqual(['back', 'cut', 'zeros']);
});

// @req: sim.disk-forgets
test('names that were not synced are kept or lost one by one', async () => {
  const found = await results(async (sim) => {
    const disk = sim.boot();
    await disk.open('/old', 'create');
    await disk.syncDirectory('/');
    await disk.open('/new', 'create');
    await disk.remove('/old');
    sim.crash();
    return (await sim.boot().list('/')).join('+');
  });
  expect([...found.keys()].sort()).toEqual(['', 'new', 'new+old', 'old']);
});

test('a rename within a directory is kept or lost as a whole', async () => {
  const found = await results(async (sim) => {
    const disk = sim.boot();
    await disk.open('/from', 'create');
    await disk.syncDirectory('/');
    await disk.rename('/from', '/to');
    sim.crash();
    return (await sim.boot().list('/')).join('+');
  });
  expect([...found.keys()].sort()).toEqual(['from', 'to']);
});

test('a kill keeps everything, ends all handles and releases locks', async () => {
  const sim = new SimDisk({ random: simRandom(1) });
  const file = await writtenFile(sim, Buffer.from('kept'));
  const old = sim.boot();
  await old.lock('/LOCK');
  sim.kill();
  await expect(file.size()).rejects.toMatchObject({ code: 'storage_failed' });
  await expect(old.list('/')).rejects.toMatchObject({ code: 'storage_failed' });
  expect(sim.peek('/file').toString()).toBe('kept');
  await sim.boot().lock('/LOCK');
});

test('calls of the dead hang when asked to', async () => {
  const sim = new SimDisk({ random: simRandom(1), deadCalls: 'hang' });
  const disk = sim.boot();
  sim.kill();
  let isSettled = false;
  void disk.list('/').finally(() => {
    isSettled = true;
  });
  await new SimClock().run();
  expect(isSettled).toBe(false);
});

test('a full disk takes what fits and says so', async () => {
  const sim = new SimDisk({ random: simRandom(1) });
  sim.capacityBytes = 10;
  const disk = sim.boot();
  const file = await disk.open('/file', 'create');
  await expect(file.write(0, Buffer.alloc(15, 'x'))).rejects.toMatchObject({ code: 'disk_full' });
  expect(await file.size()).toBe(10);
  expect(await disk.freeBytes('/')).toBe(0);
  await file.write(0, Buffer.alloc(10, 'y'));
  await disk.remove('/file');
  expect(await disk.freeBytes('/')).toBe(10);
});

test('a failing sync leaves pages that look clean: a later sync does not save them', async () => {
  const sim = new SimDisk({ random: simRandom(1) });
  const file = await writtenFile(sim, Buffer.alloc(SECTOR_BYTES, 'a'));
  sim.syncFails = () => true;
  await expect(file.sync()).rejects.toMatchObject({ code: 'storage_failed' });
  sim.syncFails = undefined;
  await file.sync();
  expect(sim.peek('/file').includes('a')).toBe(true);
  sim.crash();
  expect(sim.peek('/file').includes('a')).toBe(false);
});

test('a sync that is filtered out reports success and does nothing', async () => {
  const sim = new SimDisk({ random: simRandom(2) });
  const seen: string[] = [];
  sim.syncFilter = ({ kind, path }) => {
    seen.push(`${kind} ${path}`);
    return false;
  };
  const file = await writtenFile(sim, Buffer.from('text'));
  await file.sync();
  expect(seen).toEqual(['directory /', 'file /file']);
  const found = await results(async (one) => {
    one.syncFilter = () => false;
    await (await writtenFile(one, Buffer.from('text'))).sync();
    one.crash();
    return (await one.boot().list('/')).join();
  });
  expect(found.get('')).toBeGreaterThan(0);
});

test('with a latency a sync counts only when it has returned', async () => {
  const clock = new SimClock();
  const latencyMs = ({ kind }: { kind: string }) => (kind === 'sync' ? 10 : 0);
  const sim = new SimDisk({ random: simRandom(7), clock, latencyMs });
  const file = await clock.settle(writtenFile(sim, Buffer.alloc(5_000, 'a')));
  let isSynced = false;
  file.sync().then(
    () => {
      isSynced = true;
    },
    () => {},
  );
  await clock.run({ forMs: 9 });
  expect(isSynced).toBe(false);
  await clock.run({ forMs: 1 });
  expect(isSynced).toBe(true);
  expect(clock.monotonicMs()).toBe(10);
});

test('a flipped bit is there for processes and after a power failure', async () => {
  const sim = new SimDisk({ random: simRandom(1) });
  await (await writtenFile(sim, Buffer.from('aaaa'))).sync();
  sim.flipBit('/file', 8);
  expect(sim.peek('/file').toString()).toBe('a`aa');
  sim.crash();
  expect(sim.peek('/file').toString()).toBe('a`aa');
});

// @req: sim.replay
test('the same seed forgets the same', async () => {
  const play = async (): Promise<string> => {
    const sim = new SimDisk({ random: simRandom(42) });
    const disk = sim.boot();
    for (let at = 0; at < 20; at += 1) {
      const file = await disk.open(`/file${at}`, 'create');
      await file.write(0, Buffer.alloc(3_000, at));
    }
    sim.crash();
    const names = await sim.boot().list('/');
    return names.map((name) => `${name}:${sim.peek(`/${name}`).toString('base64')}`).join();
  };
  expect(await play()).toBe(await play());
});
