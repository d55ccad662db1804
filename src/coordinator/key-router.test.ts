/** The way of a key operation: what is repeated, for how long, and what a user is told in the end. */
import { beforeEach, describe, expect, test } from 'vitest';
import { CoordinatorWorld } from '../../test/rooms/coordinator-world.ts';
import { DataNode } from '../../test/rooms/data-node.ts';
import { problem } from '../../test/rooms/scripted-wire.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import { type ErrorCode, ToruaError } from '../kernel/errors.ts';
import { INTERNAL_PATHS } from '../protocol/messages.ts';
import type { CoordinatorRuntime } from './coordinator-runtime.ts';
import type { UserOperation } from './key-router.ts';

let world: CoordinatorWorld;
let runtime: CoordinatorRuntime;
let data: DataNode;

beforeEach(async () => {
  world = new CoordinatorWorld();
  runtime = await world.open();
  data = new DataNode(world, world.node('n1'));
  await world.join(runtime, data.node);
  await world.clock.run({ forMs: 200 });
});

const read: UserOperation = { verb: 'get', key: 'k', opId: '', callerOpId: false, requestId: 'r' };
const write: UserOperation = { ...read, verb: 'put', value: Buffer.from('v'), opId: 'op-1' };

const execute = (operation: UserOperation, budgetMs = 10_000) =>
  world.clock.settle(runtime.keys.execute(operation, deadlineIn(world.clock, budgetMs)));
const failure = (operation: UserOperation, budgetMs?: number): Promise<ToruaError> =>
  execute(operation, budgetMs).then(
    () => expect.fail('it did not fail'),
    (error: ToruaError) => error,
  );
const refusal = (code: ErrorCode) => ({ status: 503, code, detail: code });

// @req: node.internal.versioned
test('an operation goes to the node that holds the shard, under its term', async () => {
  const routed = await execute(write);
  expect(routed).toMatchObject({ nodeId: 'n1', answer: { status: 204 } });
  expect(data.seen[0]).toMatchObject({ key: 'k', term: 1, opId: 'op-1' });
  expect(routed.shardId).toBe((await execute(read)).shardId);
});

describe('a failure that may pass', () => {
  // @req: kv.retry
  test.each<ErrorCode>([
    'stale_term',
    'stale_epoch',
    'shard_opening',
    'no_lease',
    'not_primary',
    'shutting_down',
  ])('is repeated under the same operation id until it has passed: %s', async (code) => {
    data.next.push(refusal(code), refusal(code));
    expect((await execute(write)).answer.status).toBe(204);
    expect(data.seen.map(({ opId }) => opId)).toEqual(['op-1', 'op-1', 'op-1']);
  });

  test('is repeated later and later, and never beyond the deadline', async () => {
    data.instead.set(INTERNAL_PATHS.batch, () => problem(new ToruaError('shard_opening', 'x')));
    const error = await failure(read, 1_000);
    expect(error.code).toBe('shard_opening');
    expect(world.clock.monotonicMs()).toBeLessThan(1_300);
    expect(world.wire.count(INTERNAL_PATHS.batch)).toBeLessThan(12);
  });

  // @req: failure.node-killed, kv.put.no-answer
  test('is waited out for three seconds when the node is away, and is a 502 then', async () => {
    world.wire.peers.delete('http://n1:1');
    const startedMs = world.clock.monotonicMs();
    const error = await failure(read);
    expect(error).toMatchObject({ code: 'node_unreachable', fields: { node_id: 'n1' } });
    const tookMs = world.clock.monotonicMs() - startedMs;
    expect(tookMs).toBeGreaterThan(2_000);
    expect(tookMs).toBeLessThan(4_100);
  });

  test('is over when the node comes back in time', async () => {
    const peer = world.wire.peers.get('http://n1:1');
    world.wire.peers.delete('http://n1:1');
    world.clock.after(1_000, () => peer && world.wire.peers.set('http://n1:1', peer));
    expect((await execute(write)).answer.status).toBe(204);
  });
});

describe('a failure that does not pass', () => {
  test.each<ErrorCode>(['disk_full', 'idempotency_key_reused', 'wrong_shard', 'overloaded'])(
    'is told at once: %s',
    async (code) => {
      data.next.push(refusal(code));
      expect((await failure(write)).code).toBe(code);
      expect(data.seen).toHaveLength(1);
    },
  );

  test.each<ErrorCode>(['stale_term', 'not_primary', 'shard_not_found'])(
    'between processes is a 503 for a user, never a 404 or 409: %s',
    async (code) => {
      data.instead.set(INTERNAL_PATHS.batch, () => problem(new ToruaError(code, 'x')));
      expect((await failure(read, 300)).code).toBe('shard_unavailable');
    },
  );

  // @req: kv.get.unreachable
  test.each<ErrorCode>(['not_found', 'cluster_token_required', 'protocol_too_old'])(
    'that only a stranger can give is a 502: %s',
    async (code) => {
      data.instead.set(INTERNAL_PATHS.batch, () => problem(new ToruaError(code, 'x')));
      expect((await failure(read)).code).toBe('bad_node_answer');
    },
  );

  test('of a code that nobody knows is a 502', async () => {
    data.next.push({ status: 400, code: 'made_up' });
    expect((await failure(read)).code).toBe('bad_node_answer');
  });
});

describe('the outcome of a write', () => {
  // @req: http.idempotency.unknown-outcome
  test('is unknown on every 502 and 504, with the id to repeat it under', async () => {
    world.wire.peers.delete('http://n1:1');
    const error = await failure(write, 500);
    expect(error.fields).toMatchObject({ outcome: 'unknown', idempotency_key: 'op-1' });
    data.instead.set(INTERNAL_PATHS.batch, () => ({ status: 200, body: Buffer.from('junk') }));
  });

  test('is unknown when a node gave up after it may have been written', async () => {
    data.next.push(...Array.from({ length: 20 }, () => refusal('no_lease')));
    expect((await failure(write, 300)).fields).toMatchObject({ outcome: 'unknown' });
  });

  test('is not unknown when it was refused before anything was written', async () => {
    data.next.push(refusal('disk_full'));
    const { fields } = await failure(write);
    expect(fields).toMatchObject({ shard_id: expect.any(Number), node_id: 'n1' });
    expect(fields).not.toHaveProperty('outcome');
    expect(fields).not.toHaveProperty('sent');
  });

  test('is no question of reads', async () => {
    world.wire.peers.delete('http://n1:1');
    expect((await failure(read, 500)).fields).not.toHaveProperty('outcome');
  });
});

// @req: cluster.config.read-only
test('a write to a read-only cluster is refused before any node is asked; a read is not', async () => {
  await runtime.keeper.change({ kind: 'set_config', config: { readOnly: true } });
  expect((await failure(write)).code).toBe('read_only');
  expect(data.seen).toEqual([]);
  expect((await execute(read)).answer.status).toBe(404);
});

// @req: kv.put.no-copy, coord.health.keeps-place
test('a shard whose node is unhealthy is a 503 at once', async () => {
  await runtime.keeper.change({ kind: 'node_verdict', nodeId: 'n1', verdict: 'unhealthy' });
  const error = await failure(read);
  expect(error).toMatchObject({ code: 'shard_unavailable', retryAfterMs: 1_000 });
  expect(data.seen).toEqual([]);
});

test('before the first assignment a request learns what is waited for', async () => {
  const forming = new CoordinatorWorld();
  const waiting = await forming.open({ minNodes: 3 });
  await forming.join(waiting, forming.node('n1'));
  const given = waiting.keys.execute(read, deadlineIn(forming.clock, 500));
  await expect(forming.clock.settle(given)).rejects.toMatchObject({
    code: 'waiting_for_assignment',
    fields: { nodes: 1, min_nodes: 3 },
  });
});

test('a value that streams is offered once; before that its way is tried', async () => {
  data.next.push(refusal('shard_opening'));
  const deadline = deadlineIn(world.clock, 5_000);
  await world.clock.settle(runtime.keys.check(write, deadline));
  expect(data.seen.map(({ verb }) => verb)).toEqual(['head', 'head']);
  let offered = 0;
  const given = runtime.keys.stream(
    write,
    deadline,
    async () => {
      offered += 1;
      throw new ToruaError('node_unreachable', 'x', { fields: { sent: true } });
    },
    () => offered === 0,
  );
  await expect(world.clock.settle(given)).rejects.toMatchObject({ code: 'node_unreachable' });
  expect(offered).toBe(1);
});
