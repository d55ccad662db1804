/** What every home of the cluster state promises, played on each; and what the file promises besides. */
import { describe, expect, test } from 'vitest';
import type { Disk } from '../../src/kernel/disk.ts';
import { FileMetadataStore } from '../../src/metadata/file-store.ts';
import { MemoryMetadataStore, SharedMetadata } from '../../src/metadata/memory-store.ts';
import type { Candidate, MetadataStore } from '../../src/metadata/metadata-store.ts';
import type { ClusterState } from '../../src/protocol/cluster-state.ts';
import { SimDisk } from '../simulation/sim-disk.ts';
import { simRandom } from '../simulation/sim-random.ts';
import { TestLeader } from './cluster-fixture.ts';

const DIRECTORY = '/data';
const PATH = `${DIRECTORY}/state.json`;

const base = ((): ClusterState => {
  const leader = new TestLeader(2);
  leader.formOf('n1');
  return JSON.parse(JSON.stringify(leader.state)) as ClusterState;
})();
const stateAt = (version: number): ClusterState => ({ ...base, version });

const candidate = (id: string): Candidate => ({ id, url: `http://${id}:1` });
const never = new AbortController().signal;

/** A place that outlives its stores; `open` gives the next store over it. */
type Home = () => Promise<{ open: () => MetadataStore }>;

async function bootedDisk(seed = 1): Promise<{ machine: SimDisk; disk: Disk }> {
  const machine = new SimDisk({ random: simRandom(seed) });
  const disk = machine.boot();
  await disk.makeDirectory(DIRECTORY);
  await disk.syncDirectory('/');
  return { machine, disk };
}

const HOMES: readonly (readonly [string, Home])[] = [
  [
    'memory',
    async () => {
      const shared = new SharedMetadata();
      return { open: () => new MemoryMetadataStore(shared) };
    },
  ],
  [
    'file',
    async () => {
      const { disk } = await bootedDisk();
      return { open: () => new FileMetadataStore({ disk, directory: DIRECTORY }) };
    },
  ],
];

// @req: tests.contract-suites
describe.each(HOMES)('the cluster state in %s', (_name, home) => {
  test('is nothing at first, then what was committed, also for the next store', async () => {
    const { open } = await home();
    const store = open();
    expect(await store.read()).toBeUndefined();
    expect(await store.compareAndSwap(undefined, stateAt(1))).toBe(true);
    expect(await store.compareAndSwap(1, stateAt(2))).toBe(true);
    expect(await store.read()).toEqual(stateAt(2));
    await store.close();
    expect(await open().read()).toEqual(stateAt(2));
  });

  test('changes only from the version that was expected', async () => {
    const store = (await home()).open();
    expect(await store.compareAndSwap(7, stateAt(8))).toBe(false);
    await store.compareAndSwap(undefined, stateAt(3));
    expect(await store.compareAndSwap(undefined, stateAt(4))).toBe(false);
    expect(await store.compareAndSwap(2, stateAt(4))).toBe(false);
    expect(await store.read()).toEqual(stateAt(3));
  });

  test('never goes back to a lower version', async () => {
    const store = (await home()).open();
    await store.compareAndSwap(undefined, stateAt(3));
    await expect(store.compareAndSwap(3, stateAt(3))).rejects.toThrow('invariant_broken');
    expect(await store.read()).toEqual(stateAt(3));
  });

  test('goes to one of many that change it at once', async () => {
    const store = (await home()).open();
    const swaps = [1, 2, 3].map((version) => store.compareAndSwap(undefined, stateAt(version)));
    expect((await Promise.all(swaps)).filter(Boolean)).toHaveLength(1);
  });

  test('is shown to those who watch, in order, until they stop', async () => {
    const store = (await home()).open();
    const seen: number[] = [];
    const stop = store.watch(({ version }) => seen.push(version));
    await store.compareAndSwap(undefined, stateAt(1));
    await store.compareAndSwap(1, stateAt(2));
    await store.compareAndSwap(1, stateAt(9));
    stop();
    await store.compareAndSwap(2, stateAt(3));
    expect(seen).toEqual([1, 2]);
  });

  test('is not shown any more to those who watched through a closed store', async () => {
    const { open } = await home();
    const closed = open();
    const seen: number[] = [];
    closed.watch(({ version }) => seen.push(version));
    await closed.close();
    await closed.close();
    await open().compareAndSwap(undefined, stateAt(1));
    expect(seen).toEqual([]);
  });

  test('has one leader at a time; the next in line follows', async () => {
    const store = (await home()).open();
    expect(await store.leader()).toBeUndefined();
    const first = await store.lead(candidate('c1'), never);
    expect(first?.endsAtMs()).toBe(Number.POSITIVE_INFINITY);
    const second = store.lead(candidate('c2'), never);
    expect(await store.leader()).toEqual(candidate('c1'));
    await first?.resign();
    await first?.resign();
    expect(first?.endsAtMs()).toBe(0);
    expect(await second).toBeDefined();
    expect(await store.leader()).toEqual(candidate('c2'));
  });

  test('is not led by one who gave up waiting', async () => {
    const store = (await home()).open();
    const first = await store.lead(candidate('c1'), never);
    const patience = new AbortController();
    const second = store.lead(candidate('c2'), patience.signal);
    patience.abort();
    expect(await second).toBeUndefined();
    expect(await store.lead(candidate('c3'), patience.signal)).toBeUndefined();
    await first?.resign();
    expect(await store.leader()).toBeUndefined();
  });

  test('is led by nobody once the leader closed its store', async () => {
    const store = (await home()).open();
    await store.lead(candidate('c1'), never);
    await store.close();
    expect(await store.leader()).toBeUndefined();
  });
});

describe('the file', () => {
  const storeOn = (disk: Disk): FileMetadataStore =>
    new FileMetadataStore({ disk, directory: DIRECTORY });

  // @req: state.file.atomic
  test('holds the old state or the new one after a power failure at any call, the new one once it was committed', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      for (let call = 1; call <= 12; call += 1) {
        const { machine, disk } = await bootedDisk(seed);
        await storeOn(disk).compareAndSwap(undefined, stateAt(1));
        let calls = 0;
        machine.beforeCall = () => {
          calls += 1;
          if (calls === call) machine.crash();
        };
        const committed = await storeOn(disk)
          .compareAndSwap(1, stateAt(2))
          .catch(() => false);
        machine.beforeCall = undefined;
        machine.crash();
        const found = await storeOn(machine.boot()).read();
        expect(committed ? [2] : [1, 2]).toContain(found?.version);
      }
    }
  });

  test('keeps the old state and goes on when the disk was full', async () => {
    const { machine, disk } = await bootedDisk();
    const store = storeOn(disk);
    await store.compareAndSwap(undefined, stateAt(1));
    machine.capacityBytes = 0;
    await expect(store.compareAndSwap(1, stateAt(2))).rejects.toThrow('disk_full');
    expect(await store.read()).toEqual(stateAt(1));
    machine.capacityBytes = Number.POSITIVE_INFINITY;
    expect(await store.compareAndSwap(1, stateAt(2))).toBe(true);
  });

  test('is neither read nor written any more when nobody knows whether its new name is durable', async () => {
    const { machine, disk } = await bootedDisk();
    const store = storeOn(disk);
    await store.compareAndSwap(undefined, stateAt(1));
    machine.syncFails = ({ kind }) => kind === 'directory';
    await expect(store.compareAndSwap(1, stateAt(2))).rejects.toThrow();
    machine.syncFails = undefined;
    await expect(store.read()).rejects.toThrow('storage_failed');
    await expect(store.compareAndSwap(1, stateAt(2))).rejects.toThrow('storage_failed');
  });

  test('that is damaged is a clear error, and nothing is written over it', async () => {
    const { machine, disk } = await bootedDisk();
    await storeOn(disk).compareAndSwap(undefined, stateAt(1));
    const at = machine.peek(PATH).indexOf('"version": 1') + '"version": '.length;
    machine.flipBit(PATH, at * 8 + 1);
    const store = storeOn(disk);
    await expect(store.read()).rejects.toThrow('state_damaged');
    await expect(store.compareAndSwap(undefined, stateAt(2))).rejects.toThrow('state_damaged');
  });
});
