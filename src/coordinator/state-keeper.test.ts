/** The hand on the state: one command after another, stored before anybody hears of it. */
import { beforeEach, expect, test } from 'vitest';
import { emptyState } from '../../test/contract/cluster-fixture.ts';
import { SimClock } from '../../test/simulation/sim-clock.ts';
import { SimDisk } from '../../test/simulation/sim-disk.ts';
import { simRandom } from '../../test/simulation/sim-random.ts';
import { silentLogger } from '../kernel/logger.ts';
import { FileMetadataStore } from '../metadata/file-store.ts';
import { EventLog } from './event-log.ts';
import { StateKeeper } from './state-keeper.ts';

const random = simRandom(3);
let disk: SimDisk;
let events: EventLog;
let keeper: StateKeeper;
let fatal: unknown;

const store = () => new FileMetadataStore({ disk: disk.boot(), directory: '/c' });

beforeEach(async () => {
  disk = new SimDisk({ random });
  events = new EventLog();
  fatal = undefined;
  await disk.boot().makeDirectory('/c');
  await disk.boot().syncDirectory('/');
  keeper = new StateKeeper(
    {
      clock: new SimClock(),
      random,
      logger: silentLogger,
      metadata: store(),
      events,
      bytesByShard: () => new Map(),
      onFatal: (reason) => {
        fatal = reason;
      },
    },
    emptyState(2),
    undefined,
  );
});

const lead = (found: boolean) =>
  keeper.change({ kind: 'leader_started', coordinatorId: 'c1', recovered: false }, { found });
const patch = { kind: 'patch_node', nodeId: 'nobody', maxShards: 1 } as const;

// @req: state.empty-coordinator
test('a cluster that nobody has joined is in memory only, until a command founds it', async () => {
  await lead(false);
  expect(keeper.founded).toBe(false);
  expect(await store().read()).toBeUndefined();
  await lead(true);
  expect(keeper.founded).toBe(true);
  expect(await store().read()).toEqual(keeper.state);
});

// @req: state.commit-first
test('a change is durable before listeners and events tell of it', async () => {
  const told: unknown[] = [];
  keeper.onCommit(({ state }) => {
    disk.crash();
    told.push(state.version);
  });
  await lead(true);
  expect(told).toEqual([keeper.state.version]);
  expect((await store().read())?.version).toBe(keeper.state.version);
});

test('commands run one after another, each on the state of the one before', async () => {
  const epochs = await Promise.all([lead(true), lead(true), lead(true)]);
  expect(epochs.map(({ state }) => state.leaderEpoch)).toEqual([1, 2, 3]);
  expect(events.since(0).events.map(({ type }) => type)).toEqual(Array(3).fill('leader_changed'));
});

test('a refusal changes nothing and does not stop the next command', async () => {
  const told: string[] = [];
  const refused = keeper.change(patch, { accepted: () => told.push('accepted') });
  await expect(refused).rejects.toMatchObject({ code: 'node_not_found' });
  expect(told).toEqual([]);
  await keeper.change(
    { kind: 'leader_started', coordinatorId: 'c1', recovered: false },
    { accepted: () => told.push('accepted') },
  );
  expect(told).toEqual(['accepted']);
});

test('a store that fails ends the process, and the state stays what it was', async () => {
  await lead(true);
  const { version } = keeper.state;
  disk.syncFails = () => true;
  await expect(lead(true)).rejects.toBeDefined();
  expect(fatal).toBeDefined();
  expect(keeper.state.version).toBe(version);
});
