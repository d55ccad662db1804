/** The way from a key to the copy that serves it, computed once per state version and cheap per key. */
import { present } from '../kernel/assert.ts';
import { shardOfKey } from '../kernel/fnv1a.ts';
import {
  type CopyId,
  copyId,
  type NodeId,
  nodeId,
  type ShardUid,
  shardUid,
  type Term,
  term,
} from '../kernel/ids.ts';
import type { ClusterState, ShardEntry } from '../protocol/cluster-state.ts';
import { type ShardStage, stageOf } from './shard-lifecycle.ts';
import { databaseOf, findNode, primaryCopy } from './state-access.ts';

/** Where to send a shard's operations. */
export interface RouteTarget {
  readonly copyId: CopyId;
  readonly term: Term;
  readonly nodeId: NodeId;
  readonly addr: string;
}

/** One shard in the table. `target` is there only in the stage `active`: nothing is written to a copy before that. */
export interface RoutePlace {
  readonly shardId: number;
  readonly shardUid: ShardUid;
  readonly stage: ShardStage;
  readonly target: RouteTarget | undefined;
}

/** Everything a request needs to be sent, of one state version. Immutable. */
export interface RoutingTable {
  readonly stateVersion: number;
  readonly leaderEpoch: number;
  readonly routingVersion: number;
  readonly schemaVersion: number;
  readonly numShards: number;
  /** By shard number. */
  readonly places: readonly RoutePlace[];
}

/** The table of a state. */
export function buildRoutingTable(state: ClusterState): RoutingTable {
  const { routing, shards } = databaseOf(state);
  return {
    stateVersion: state.version,
    leaderEpoch: state.leaderEpoch,
    routingVersion: routing.routingVersion,
    schemaVersion: state.schema.version,
    numShards: routing.numShards,
    places: shards.map((shard, shardId) => ({
      shardId,
      shardUid: shardUid(shard.shardUid),
      stage: stageOf(shard),
      target: targetOf(state, shard),
    })),
  };
}

/** The shard that a key belongs to. */
export const placeOfKey = (table: RoutingTable, key: string): RoutePlace =>
  present(table.places[shardOfKey(key, table.numShards)], 'the routing table has every shard');

function targetOf(state: ClusterState, shard: ShardEntry): RouteTarget | undefined {
  const copy = primaryCopy(shard);
  if (copy === undefined || copy.state !== 'active') return undefined;
  const node = present(findNode(state, copy.nodeId), 'a copy lies on a node of the state');
  return {
    copyId: copyId(copy.copyId),
    term: term(shard.term),
    nodeId: nodeId(node.id),
    addr: node.addr,
  };
}
