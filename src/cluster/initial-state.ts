/** The state of a cluster that nobody has joined yet. */
import {
  type ClusterConfig,
  type ClusterState,
  DEFAULT_DATABASE,
} from '../protocol/cluster-state.ts';

/** What the environment of the very first start decides. */
export interface ClusterFounding {
  readonly clusterId: string;
  readonly numShards: number;
  readonly config: ClusterConfig;
  /** Identities for the shards. */
  readonly newId: () => string;
}

/** Version 0, leader epoch 0: `leader_started` makes it the first one that is committed. Shards have term 0 and no copy. */
export function initialState({
  clusterId,
  numShards,
  config,
  newId,
}: ClusterFounding): ClusterState {
  return {
    format: 1,
    clusterId,
    version: 0,
    leaderEpoch: 0,
    configVersion: 1,
    config,
    nodes: [],
    databases: [
      {
        name: DEFAULT_DATABASE,
        routing: { routingVersion: 1, numShards },
        shards: Array.from({ length: numShards }, () => unassignedShard(newId())),
      },
    ],
    schema: { version: 0, statements: [] },
  };
}

/** A shard that never had a copy: it may be assigned without anybody's consent. */
export const unassignedShard = (
  shardUid: string,
): ClusterState['databases'][number]['shards'][number] => ({
  shardUid,
  term: 0,
  copies: [],
  primary: null,
  inSync: [],
});
