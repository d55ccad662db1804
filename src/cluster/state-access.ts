/** Looking into the cluster state and replacing parts of it. Everything here is pure; nothing is changed in place. */
import { present } from '../kernel/assert.ts';
import { ToruaError } from '../kernel/errors.ts';
import {
  type ClusterState,
  type CopyEntry,
  DEFAULT_DATABASE,
  type NodeEntry,
  type ShardEntry,
} from '../protocol/cluster-state.ts';

/** A copy together with the shard it belongs to and the shard's place (its number in URLs). */
export interface PlacedCopy {
  readonly shardId: number;
  readonly shard: ShardEntry;
  readonly copy: CopyEntry;
}

/** The only database there is. */
export function databaseOf(state: ClusterState): ClusterState['databases'][number] {
  const database = state.databases.find(({ name }) => name === DEFAULT_DATABASE);
  return present(database, 'the state has the default database');
}

/** The shards; a shard's index is its number in URLs. */
export const shardsOf = (state: ClusterState): readonly ShardEntry[] => databaseOf(state).shards;

/** Whether the first assignment has been made. */
export const isFormed = (state: ClusterState): boolean =>
  shardsOf(state).some(({ term }) => term > 0);

/** The node under this id, or undefined. */
export const findNode = (state: ClusterState, nodeId: string): NodeEntry | undefined =>
  state.nodes.find(({ id }) => id === nodeId);

/** The node under this id. Errors: `node_not_found`. */
export function requireNode(state: ClusterState, nodeId: string): NodeEntry {
  const node = findNode(state, nodeId);
  if (node) return node;
  throw new ToruaError('node_not_found', `No node has the id ${JSON.stringify(nodeId)}.`, {
    fields: { node_id: nodeId },
  });
}

/** The shard at this place. Errors: `shard_not_found`. */
export function requireShard(state: ClusterState, shardId: number): ShardEntry {
  const shards = shardsOf(state);
  const shard = shards[shardId];
  if (shard) return shard;
  throw new ToruaError(
    'shard_not_found',
    `There is no shard ${shardId}; the shards are 0 to ${shards.length - 1}.`,
    { fields: { shard_id: shardId } },
  );
}

/** The shard's place, or -1 when its identity is not (or no longer) in the state. */
export const placeOf = (state: ClusterState, shardUid: string): number =>
  shardsOf(state).findIndex((shard) => shard.shardUid === shardUid);

/** The copy that is primary, or undefined. */
export const primaryCopy = (shard: ShardEntry): CopyEntry | undefined =>
  shard.copies.find(({ copyId }) => copyId === shard.primary);

/** All copies assigned to the node, lost ones included, ascending by shard. */
export function copiesOn(state: ClusterState, nodeId: string): readonly PlacedCopy[] {
  return shardsOf(state).flatMap((shard, shardId) =>
    shard.copies.filter((copy) => copy.nodeId === nodeId).map((copy) => ({ shardId, shard, copy })),
  );
}

const IDS = new Intl.Collator('en', { numeric: true });

/** The nodes as people look for them: by id, node-2 before node-10. The document has them in the order they joined. */
export const nodesById = (state: ClusterState): readonly NodeEntry[] =>
  [...state.nodes].sort((left, right) => IDS.compare(left.id, right.id));

/** How many copies take up room on the node: lost ones do not. */
export const heldCount = (state: ClusterState, nodeId: string): number =>
  copiesOn(state, nodeId).filter(({ copy }) => copy.state !== 'lost').length;

/** The state with this node replaced, or added at the end. */
export function withNode(state: ClusterState, node: NodeEntry): ClusterState {
  const known = state.nodes.some(({ id }) => id === node.id);
  const nodes = known
    ? state.nodes.map((other) => (other.id === node.id ? node : other))
    : [...state.nodes, node];
  return { ...state, nodes };
}

/** The state without this node. Its copies must have been removed before. */
export const withoutNode = (state: ClusterState, nodeId: string): ClusterState => ({
  ...state,
  nodes: state.nodes.filter(({ id }) => id !== nodeId),
});

/** The state with each shard passed through `change`; the same reference when no shard changed. */
export function mapShards(
  state: ClusterState,
  change: (shard: ShardEntry, shardId: number) => ShardEntry,
): ClusterState {
  const before = shardsOf(state);
  const shards = before.map(change);
  if (shards.every((shard, index) => shard === before[index])) return state;
  return {
    ...state,
    databases: state.databases.map((database) =>
      database.name === DEFAULT_DATABASE ? { ...database, shards } : database,
    ),
  };
}

/** The state with the shard of the same identity replaced. */
export const withShard = (state: ClusterState, shard: ShardEntry): ClusterState =>
  mapShards(state, (other) => (other.shardUid === shard.shardUid ? shard : other));
