/** Key operations on a node: lease, term, routing and read-only, each refused by its own wrapper. */
import { beforeEach, describe, expect, test } from 'vitest';
import { NodeWorld } from '../../test/rooms/node-world.ts';
import { term } from '../kernel/ids.ts';
import type { NodeRuntime } from './node-runtime.ts';

const KEY = 'a';
const value = Buffer.from('v');
let world: NodeWorld;
let node: NodeRuntime;

beforeEach(async () => {
  world = new NodeWorld();
  node = await world.serving();
  expect((await world.execute(node, { verb: 'put', key: KEY, value })).status).toBe(204);
});

// @req: node.lease.refuses, node.lease.any-reads
test('without a lease writes and primary reads are refused, and any copy may still be read', async () => {
  node.lease.drop();
  expect((await world.execute(node, { verb: 'put', key: KEY, value })).code).toBe('no_lease');
  expect((await world.execute(node, { verb: 'get', key: KEY })).code).toBe('no_lease');
  const any = await world.execute(node, { verb: 'get', key: KEY, anyCopy: true });
  expect(any).toMatchObject({ status: 200, value });
});

// @req: node.lease.compared
test('the lease is compared again at the answer: one that ran out meanwhile acknowledges nothing', async () => {
  const { lease } = node;
  let checks = 0;
  const check = lease.check.bind(lease);
  lease.check = () => {
    checks += 1;
    if (checks === 2) lease.drop();
    check();
  };
  expect((await world.execute(node, { verb: 'put', key: KEY, value })).code).toBe('no_lease');
  expect(checks).toBe(2);
});

// @req: node.fence.term
test('a request of another term is refused', async () => {
  for (const asked of [0, 2]) {
    const operation = { verb: 'get', key: KEY, term: term(asked) } as const;
    expect((await world.execute(node, operation)).code).toBe('stale_term');
  }
});

// @req: shard.wrong-shard, node.store.wrong-shard
test('a key of another shard is refused', async () => {
  expect(await world.execute(node, { verb: 'get', key: 'b' })).toMatchObject({
    status: 421,
    code: 'wrong_shard',
  });
});

describe('a read-only cluster', () => {
  // @req: cluster.config.read-only, node.store.read-only
  test('takes no write on a node either, and is read as before', async () => {
    world.leader.do({ kind: 'set_config', config: { readOnly: true } });
    await world.push(node, world.leader.state);
    expect(await world.execute(node, { verb: 'put', key: KEY, value })).toMatchObject({
      status: 403,
      code: 'read_only',
    });
    expect((await world.execute(node, { verb: 'delete', key: KEY })).code).toBe('read_only');
    expect((await world.execute(node, { verb: 'get', key: KEY })).status).toBe(200);
  });
});
