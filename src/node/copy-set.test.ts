/** The copies of a node: what the state assigns and nothing else, created once, never re-created, dropped for good. */
import { beforeEach, describe, expect, test } from 'vitest';
import { NodeWorld } from '../../test/rooms/node-world.ts';
import { term } from '../kernel/ids.ts';
import { INTERNAL_PATHS } from '../protocol/messages.ts';
import type { NodeRuntime } from './node-runtime.ts';

let world: NodeWorld;
let node: NodeRuntime;

beforeEach(async () => {
  world = new NodeWorld();
  node = await world.serving();
});

/** Keys of shard 0 and 1 of 2. */
const [ZERO, ONE] = ['a', 'b'];
const put = (key: string, shardId: number, value = 'v') =>
  world.execute(node, { verb: 'put', key, value: Buffer.from(value) }, shardId);
const get = (key: string, shardId: number) => world.execute(node, { verb: 'get', key }, shardId);
const shardOf = (shardId: number) => world.leader.state.databases[0]?.shards[shardId];
const copyOf = (shardId: number): string => shardOf(shardId)?.primary ?? '';
const folders = (): Promise<string[]> => world.disk.boot().list('/n1/copies');

async function restart(): Promise<void> {
  world.disk.crash();
  world.clock.clear();
  node = await world.open();
  const { current } = node.stored;
  if (current) await world.push(node, current);
  node.lease.grant(world.clock.monotonicMs(), 60_000);
}

// @req: node.only-assigned
test('a node holds the copies that are assigned to it, and no others', async () => {
  expect((await folders()).sort()).toEqual([copyOf(0), copyOf(1)].sort());
  expect(node.copies.assignments.map(({ shardId }) => shardId)).toEqual([0, 1]);
  expect(node.copies.ready).toBe(true);
  expect(node.copies.held()).toMatchObject([
    { state: 'open', empty: true },
    { state: 'open', empty: true },
  ]);
});

// @req: node.known-returns, state.copy-id
test('after a power failure a node has its copies again, with their data and their terms', async () => {
  await put(ZERO, 0);
  await restart();
  expect(await get(ZERO, 0)).toMatchObject({ status: 200, value: Buffer.from('v') });
  expect(node.copies.held().find(({ copyId }) => copyId === copyOf(0))).toMatchObject({
    empty: false,
    term: 1,
  });
});

// @req: shard.doubt
test('a copy whose manifest is damaged is in doubt, and the others are served', async () => {
  await put(ZERO, 0);
  await put(ONE, 1);
  const file = await world.disk.boot().open(`/n1/copies/${copyOf(0)}/MANIFEST`, 'write');
  await file.write(0, Buffer.from('not JSON'));
  await file.sync();
  await restart();
  expect(await get(ZERO, 0)).toMatchObject({ status: 503, code: 'shard_in_doubt' });
  expect(await get(ONE, 1)).toMatchObject({ status: 200 });
  const held = node.copies.held().find(({ copyId }) => copyId === copyOf(0));
  expect(held).toMatchObject({ state: 'in_doubt', shardUid: shardOf(0)?.shardUid });
});

test('a copy is not served before the leader has recorded that it exists', async () => {
  world = new NodeWorld();
  node = await world.open();
  world.leader.join('n1');
  world.leader.do({ kind: 'form' });
  await world.push(node, world.leader.state);
  node.lease.grant(world.clock.monotonicMs(), 60_000);
  expect(node.copies.ready).toBe(false);
  expect((await put(ZERO, 0)).code).toBe('stale_term');
  const all = { verb: 'put', key: ZERO, term: term(0), value: Buffer.from('v') } as const;
  expect((await world.execute(node, all, 0)).code).toBe('stale_term');
});

// @req: coord.health.never-recreated
test('a copy that the leader knows to exist is never created again empty', async () => {
  await put(ZERO, 0);
  await world.disk.boot().remove(`/n1/copies/${copyOf(0)}`);
  await restart();
  expect((await folders()).sort()).toEqual([copyOf(1)]);
  expect((await get(ZERO, 0)).code).toBe('shard_opening');
  expect(node.copies.held().map(({ copyId }) => copyId)).toEqual([copyOf(1)]);
});

test('a half-created copy of a crash is taken away and created anew', async () => {
  world = new NodeWorld();
  node = await world.open();
  world.leader.join('n1');
  world.leader.do({ kind: 'form' });
  await world.disk.boot().makeDirectory(`/n1/copies/${copyOf(0)}/blobs`);
  world.disk.kill();
  node = await world.open();
  expect(await folders()).toEqual([]);
  await world.push(node, world.leader.state);
  expect(await folders()).toHaveLength(2);
});

describe('a copy that the state no longer names', () => {
  beforeEach(async () => {
    await put(ZERO, 0);
    world.leader.do({ kind: 'reset' });
  });

  // @req: log.control-records
  test('is dropped, with its records, and does not come back', async () => {
    const before = await folders();
    await world.push(node, world.leader.state);
    expect((await folders()).some((name) => before.includes(name))).toBe(false);
    expect(node.log.copies()).toEqual([]);
    world.leader.confirmAll();
    await world.push(node, world.leader.state);
    expect((await get(ZERO, 0)).status).toBe(404);
    await restart();
    expect((await get(ZERO, 0)).status).toBe(404);
  });

  test('takes no write that was on its way', async () => {
    const copy = node.copies.open[0];
    await world.push(node, world.leader.state);
    const write = {
      verb: 'delete',
      key: ZERO,
      opId: '00000000000000ff',
      callerOpId: false,
    } as const;
    const late = copy?.write(write, term(1), { remainingMs: () => 1 } as never);
    await expect(late).rejects.toMatchObject({ code: 'stale_term' });
  });
});

test('a copy that the state calls lost is kept: it may be all there is', async () => {
  await put(ZERO, 0);
  const { state } = world.leader;
  const databases = state.databases.map((database) => ({
    ...database,
    shards: database.shards.map((shard) => ({
      ...shard,
      primary: null,
      inSync: [],
      copies: shard.copies.map((copy) => ({ ...copy, state: 'lost' as const })),
    })),
  }));
  await world.push(node, { ...state, databases, version: state.version + 1 });
  expect(await folders()).toHaveLength(2);
  expect(node.copies.assignments).toEqual([]);
});

describe('a release', () => {
  const release = (shardId: number) => {
    const shard = shardOf(shardId);
    const { leaderEpoch } = world.leader.state;
    return world.call(node, INTERNAL_PATHS.release, {
      leader_epoch: leaderEpoch,
      copy_id: shard?.primary,
      shard_uid: shard?.shardUid,
      term: shard?.term,
    });
  };

  // @req: state.release.refuses, node.fence.term
  test('of an empty copy is confirmed, and from then on it refuses its term, also after a crash', async () => {
    expect(await release(0)).toEqual({ released: true });
    expect((await put(ZERO, 0)).code).toBe('stale_term');
    expect((await get(ZERO, 0)).code).toBe('stale_term');
    await restart();
    expect((await put(ZERO, 0)).code).toBe('stale_term');
    expect((await put(ONE, 1)).status).toBe(204);
  });

  // @req: state.release.declined
  test('is declined when a write came first', async () => {
    await put(ZERO, 0);
    expect(await release(0)).toEqual({ released: false });
    expect((await get(ZERO, 0)).status).toBe(200);
  });

  // @req: node.fence.epoch
  test('by an older leader is refused', async () => {
    const order = { leader_epoch: 0, copy_id: copyOf(0), shard_uid: '0'.repeat(16), term: 1 };
    world.leader.do({ kind: 'leader_started', coordinatorId: 'c2', recovered: false });
    await world.push(node, world.leader.state);
    await expect(world.call(node, INTERNAL_PATHS.release, order)).rejects.toMatchObject({
      code: 'stale_epoch',
    });
  });
});

test('a copy that could not be opened is tried again', async () => {
  await put(ZERO, 0);
  world.disk.kill();
  world.clock.clear();
  node = await world.open();
  const { current } = node.stored;
  world.disk.beforeCall = ({ path }) => {
    if (path.includes(`${copyOf(0)}/blobs`)) throw new Error('not now');
  };
  if (current) await world.push(node, current);
  expect(node.copies.ready).toBe(false);
  world.disk.beforeCall = undefined;
  await world.clock.settle(node.copies.retry());
  expect(node.copies.ready).toBe(true);
});
