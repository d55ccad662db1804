/** The cluster in numbers and colours, as `/cluster/info`, `/cluster/health`, `/shards` and registration answers show it. */
import type { ClusterState, ShardEntry } from '../protocol/cluster-state.ts';
import { copyServes, type VolatileFacts } from './facts.ts';
import { stageOf } from './shard-lifecycle.ts';
import { copiesOn, primaryCopy, shardsOf } from './state-access.ts';

/** `green`: every copy serves. `yellow`: every primary does. `red`: a shard has none. */
export type ClusterColour = 'green' | 'yellow' | 'red';

/** Counts of the whole cluster. */
export interface ClusterSummary {
  readonly colour: ClusterColour;
  readonly totalNodes: number;
  /** Nodes whose status is `healthy`. */
  readonly healthyNodes: number;
  readonly totalShards: number;
  /** Shards with a primary, whether it serves or not. */
  readonly assignedShards: number;
  /** Primaries and other copies that serve. */
  readonly activePrimaries: number;
  readonly activeReplicas: number;
  /** Copies that are wanted and have no place. */
  readonly unassignedCopies: number;
  /** Numbers of the shards no primary serves, ascending. */
  readonly unavailableShards: readonly number[];
}

/** Counts and colour. A cluster whose first assignment has not been made is red. */
export function summarize(state: ClusterState, facts: VolatileFacts): ClusterSummary {
  const shards = shardsOf(state);
  const wanted = state.config.replicationFactor;
  const serving = shards.map((shard) => primaryServes(shard, facts));
  const replicas = shards.flatMap((shard) =>
    shard.copies.filter(
      (copy) =>
        copy.copyId !== shard.primary &&
        shard.inSync.includes(copy.copyId) &&
        copyServes(facts, copy),
    ),
  );
  const activePrimaries = serving.filter(Boolean).length;
  const allCopies = activePrimaries + replicas.length >= shards.length * wanted;
  const allPrimaries = activePrimaries === shards.length;
  const placed = shards.reduce((sum, shard) => sum + Math.min(wanted, usableCopies(shard)), 0);
  return {
    colour: !allPrimaries ? 'red' : allCopies ? 'green' : 'yellow',
    totalNodes: state.nodes.length,
    healthyNodes: state.nodes.filter(({ status }) => status === 'healthy').length,
    totalShards: shards.length,
    assignedShards: shards.filter(({ primary }) => primary !== null).length,
    activePrimaries,
    activeReplicas: replicas.length,
    unassignedCopies: shards.length * wanted - placed,
    unavailableShards: serving.flatMap((serves, shardId) => (serves ? [] : [shardId])),
  };
}

/** A shard's state in the contract's words. */
export type ReportedShardState = 'active' | 'moving' | 'recovering' | 'unassigned';

/** One shard as `GET /shards` lists it. */
export interface ShardRow {
  readonly shardId: number;
  readonly shardUid: string;
  /** The primary's node; empty when there is none. */
  readonly nodeId: string;
  readonly replicas: readonly string[];
  readonly inSync: readonly string[];
  readonly term: number;
  readonly state: ReportedShardState;
}

/** One row a shard, ascending. Lists hold node ids. */
export function shardRows(state: ClusterState, facts: VolatileFacts): readonly ShardRow[] {
  return shardsOf(state).map((shard, shardId) => {
    const usable = shard.copies.filter((copy) => copy.state !== 'lost');
    return {
      shardId,
      shardUid: shard.shardUid,
      nodeId: primaryCopy(shard)?.nodeId ?? '',
      replicas: usable.filter(({ copyId }) => copyId !== shard.primary).map(({ nodeId }) => nodeId),
      inSync: usable
        .filter(({ copyId }) => shard.inSync.includes(copyId))
        .map(({ nodeId }) => nodeId),
      term: shard.term,
      state: reportedState(shard, facts),
    };
  });
}

/** `recovering` is any shard that has a place and does not serve: being created or opened, or its node is away. */
export function reportedState(shard: ShardEntry, facts: VolatileFacts): ReportedShardState {
  const stage = stageOf(shard);
  if (stage === 'unassigned' || stage === 'lost') return 'unassigned';
  if (facts.releasing.has(shard.shardUid)) return 'moving';
  return primaryServes(shard, facts) ? 'active' : 'recovering';
}

/** A copy assigned to a node, as the registration's answer lists it. */
export interface AssignedShard {
  readonly shardId: number;
  readonly shardUid: string;
  readonly copyId: string;
  readonly term: number;
  readonly isPrimary: boolean;
}

/** The copies assigned to the node, ascending by shard; lost ones are not among them. */
export const shardsOfNode = (state: ClusterState, nodeId: string): readonly AssignedShard[] =>
  copiesOn(state, nodeId)
    .filter(({ copy }) => copy.state !== 'lost')
    .map(({ shardId, shard, copy }) => ({
      shardId,
      shardUid: shard.shardUid,
      copyId: copy.copyId,
      term: shard.term,
      isPrimary: shard.primary === copy.copyId,
    }));

function primaryServes(shard: ShardEntry, facts: VolatileFacts): boolean {
  const copy = primaryCopy(shard);
  return copy !== undefined && copyServes(facts, copy);
}

const usableCopies = (shard: ShardEntry): number =>
  shard.copies.filter(({ state }) => state !== 'lost').length;
