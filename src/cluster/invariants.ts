/**
 * What must hold of every state and every transition, in tests and in production. A violation is a bug of ours:
 * the reducer throws `invariant_broken` and nothing is committed.
 */
import { assert } from '../kernel/assert.ts';
import type { ClusterState, ShardEntry } from '../protocol/cluster-state.ts';
import type { ClusterCommand } from './commands.ts';
import { capacityOf } from './deciders.ts';
import { stageMayFollow, stageOf } from './shard-lifecycle.ts';
import { databaseOf, findNode, heldCount, shardsOf } from './state-access.ts';

/** Checks a state by itself. Errors: `invariant_broken`. */
export function checkState(state: ClusterState): void {
  const { routing, shards } = databaseOf(state);
  const nodeIds = new Set(state.nodes.map(({ id }) => id));
  const copyIds = shards.flatMap(({ copies }) => copies.map(({ copyId }) => copyId));
  assert(nodeIds.size === state.nodes.length, 'a node id is listed once');
  assert(new Set(copyIds).size === copyIds.length, 'a copy id is used once');
  assert(
    new Set(shards.map(({ shardUid }) => shardUid)).size === shards.length,
    'a shard identity is used once',
  );
  assert(shards.length === routing.numShards, 'there are as many shards as routing says');
  for (const shard of shards) {
    checkShard(shard);
    for (const { nodeId } of shard.copies)
      assert(nodeIds.has(nodeId), 'a copy lies on a known node');
  }
}

function checkShard(shard: ShardEntry): void {
  const { copies, inSync, primary } = shard;
  assert(shard.term > 0 || copies.length === 0, 'a shard with a copy has a term');
  assert(primary === null || inSync.includes(primary), 'the primary is in sync');
  assert(new Set(inSync).size === inSync.length, 'a copy is in sync once');
  for (const copyId of inSync) {
    const copy = copies.find((candidate) => candidate.copyId === copyId);
    assert(copy !== undefined, 'an in-sync copy is a copy of the shard');
    assert(copy.state !== 'lost', 'a lost copy is not in sync');
  }
  const holders = new Set(copies.map(({ nodeId }) => nodeId));
  assert(holders.size === copies.length, 'no two copies of a shard lie on one node');
}

/** Checks the step from one state to the next. Errors: `invariant_broken`. */
export function checkTransition(
  before: ClusterState,
  after: ClusterState,
  command: ClusterCommand,
): void {
  assert(after.version === before.version + 1, 'each change is one version');
  assert(after.leaderEpoch >= before.leaderEpoch, 'the leader epoch never falls');
  assert(after.configVersion >= before.configVersion, 'the config version never falls');
  assert(after.schema.version >= before.schema.version, 'the schema version never falls');
  assert(after.clusterId === before.clusterId, 'a cluster keeps its id');
  checkRouting(before, after);
  checkCapacity(before, after, command);
  const later = new Map(shardsOf(after).map((shard) => [shard.shardUid, shard]));
  for (const shard of shardsOf(before)) {
    const next = later.get(shard.shardUid);
    assert(next !== undefined || command.kind === 'reset', 'a shard is never forgotten');
    if (next === undefined || next === shard) continue;
    checkTerm(shard, next);
    checkCopiesKept(shard, next, command);
    assert(stageMayFollow(stageOf(shard), stageOf(next)), 'a shard changes only as its table says');
  }
}

function checkRouting(before: ClusterState, after: ClusterState): void {
  const { routing: old } = databaseOf(before);
  const { routing: young } = databaseOf(after);
  assert(young.routingVersion >= old.routingVersion, 'the routing version never falls');
  assert(
    young.numShards === old.numShards || young.routingVersion > old.routingVersion,
    'the number of shards changes only with the routing version',
  );
}

/** New copies are placed within capacity; lowering the capacity below what is held is allowed, coming back too. */
function checkCapacity(before: ClusterState, after: ClusterState, command: ClusterCommand): void {
  if (command.kind === 'register_node') return;
  for (const node of after.nodes) {
    const held = heldCount(after, node.id);
    const grew = findNode(before, node.id) === undefined || held > heldCount(before, node.id);
    assert(
      !grew || held <= capacityOf(node, after.config),
      'no node gets more copies than it may hold',
    );
  }
}

function checkTerm(before: ShardEntry, after: ShardEntry): void {
  assert(after.term >= before.term, 'a term never falls');
  const newPrimary = after.primary !== null && after.primary !== before.primary;
  assert(!newPrimary || after.term > before.term, 'a term has one primary');
  for (const copy of after.copies) {
    const earlier = before.copies.find(({ copyId }) => copyId === copy.copyId);
    assert(
      earlier === undefined || earlier.nodeId === copy.nodeId,
      'a copy never changes its node',
    );
    const recreated =
      earlier?.state !== undefined &&
      earlier.state !== 'initializing' &&
      copy.state === 'initializing';
    assert(!recreated, 'a confirmed copy is never created again');
  }
}

function checkCopiesKept(before: ShardEntry, after: ShardEntry, command: ClusterCommand): void {
  const held = before.copies.filter(({ state }) => state !== 'initializing');
  const kept = held.filter(({ copyId }) => after.copies.some((copy) => copy.copyId === copyId));
  if (held.length === 0 || kept.length > 0) return;
  assert(mayGiveUp(command, before), 'an only copy is never forgotten');
}

function mayGiveUp(command: ClusterCommand, shard: ShardEntry): boolean {
  if (command.kind === 'release_confirmed') return command.copyId === shard.primary;
  if (command.kind === 'forget_node' || command.kind === 'assign_shard')
    return command.acceptDataLoss;
  return false;
}
