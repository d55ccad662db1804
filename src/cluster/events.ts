/**
 * What the cluster did, in the contract's words (section 4, Events), and more types for acts of our own. The event
 * log adds `seq` and `time`; fields become snake_case where they leave the process.
 */

/** Why placement was looked at. */
export type EvaluationReason = 'node_joined' | 'node_left' | 'manual' | 'load' | 'interval';

/** Why a shard has a new place. */
export type MoveReason = 'rebalance' | 'node_leaving' | 'manual';

/** One event. `shardId` is the shard's place, the number in URLs. */
export type ClusterEvent =
  | {
      readonly type:
        | 'node_joined'
        | 'node_rejoined'
        | 'node_unhealthy'
        | 'node_recovered'
        | 'node_dead'
        | 'node_leaving'
        | 'node_drained'
        | 'node_left'
        | 'node_forgotten';
      readonly nodeId: string;
    }
  | { readonly type: 'node_capacity_changed'; readonly nodeId: string; readonly maxShards: number }
  | {
      readonly type: 'rebalance_evaluated';
      readonly reason: EvaluationReason;
      readonly nodeId?: string | undefined;
      readonly imbalanced: boolean;
    }
  | { readonly type: 'imbalance_detected'; readonly min: number; readonly max: number }
  | {
      readonly type: 'shard_assigned';
      readonly shardId: number;
      readonly nodeId: string;
      readonly term: number;
      readonly dataLossAccepted: boolean;
    }
  | {
      readonly type: 'shard_moved';
      readonly shardId: number;
      readonly from: string;
      readonly to: string;
      readonly reason: MoveReason;
    }
  | {
      /** A write came before the release: the shard stays where it is. */
      readonly type: 'release_refused';
      readonly shardId: number;
      readonly nodeId: string;
    }
  | { readonly type: 'shard_fenced_anew'; readonly shardId: number; readonly term: number }
  | {
      readonly type: 'copy_active' | 'copy_lost' | 'copy_found';
      readonly shardId: number;
      readonly nodeId: string;
      readonly copyId: string;
    }
  | {
      readonly type: 'damage_accepted';
      readonly shardId: number;
      readonly nodeId: string;
      readonly copyId: string;
    }
  | {
      /** The store of the shard refused this record; it waits until an operator skips it or the key is written again. */
      readonly type: 'record_kept_aside';
      readonly shardId: number;
      readonly nodeId: string;
      readonly recordSeq: number;
    }
  | { readonly type: 'shard_red'; readonly shardId: number }
  | { readonly type: 'shard_unassigned'; readonly shardId: number; readonly nodeId: string }
  | { readonly type: 'cluster_formed'; readonly nodes: number; readonly shards: number }
  | { readonly type: 'cluster_recovered'; readonly coordinatorId: string }
  | { readonly type: 'missing_nodes_accepted'; readonly nodeIds: readonly string[] }
  | { readonly type: 'cluster_reset'; readonly shards: number }
  | { readonly type: 'config_changed'; readonly version: number }
  | { readonly type: 'leader_changed'; readonly coordinatorId: string };
