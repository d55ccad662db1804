/** Shards by their number: held or not, open or not, primary or not. */
import { beforeEach, expect, test } from 'vitest';
import { NodeWorld } from '../../test/rooms/node-world.ts';
import { INTERNAL_PATHS } from '../protocol/messages.ts';
import { primaryOf, shardOf } from './held-shard.ts';
import type { NodeRuntime } from './node-runtime.ts';

let world: NodeWorld;
let node: NodeRuntime;

beforeEach(async () => {
  world = new NodeWorld();
  node = await world.serving();
});

test('a shard that is held is found, with its open copy', () => {
  const shard = shardOf(node, 1);
  expect(shard.assignment).toMatchObject({ shardId: 1, isPrimary: true });
  expect(shard.copy.term).toBe(1);
  expect(primaryOf(node, shard)).toBe(shard);
});

// @req: node.store.not-held
test.each([2, -1, Number.NaN])('shard %i is not held: 404', (number) => {
  expect(() => shardOf(node, number)).toThrow(expect.objectContaining({ code: 'shard_not_found' }));
});

// @req: node.store.not-primary
test('a copy that is not the primary says where the primary is', async () => {
  const { state } = world.leader;
  const other = { ...state.nodes[0], id: 'n2', addr: 'http://n2:1' } as (typeof state.nodes)[0];
  const primary = '00000000000000ff';
  const databases = state.databases.map((database) => ({
    ...database,
    shards: database.shards.map((shard) => ({
      ...shard,
      primary,
      inSync: [...shard.inSync, primary],
      copies: [...shard.copies, { copyId: primary, nodeId: 'n2', state: 'active' as const }],
    })),
  }));
  const nodes = [...state.nodes, other];
  await world.push(node, { ...state, nodes, databases, version: state.version + 1 });
  const shard = shardOf(node, 0);
  expect(() => primaryOf(node, shard)).toThrow(
    expect.objectContaining({ code: 'not_primary', fields: { primary: 'http://n2:1' } }),
  );
});

test('a copy that was released serves nobody, though the node still holds it', async () => {
  const shard = world.leader.state.databases[0]?.shards[0];
  await world.call(node, INTERNAL_PATHS.release, {
    leader_epoch: world.leader.state.leaderEpoch,
    copy_id: shard?.primary,
    shard_uid: shard?.shardUid,
    term: shard?.term,
  });
  expect(() => primaryOf(node, shardOf(node, 0))).toThrow(
    expect.objectContaining({ code: 'shard_opening' }),
  );
});
