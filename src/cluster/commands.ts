/**
 * Everything that can change the cluster state. Volatile facts (is a lease running, is a copy empty) are given by the
 * caller with the command, because the document never holds them.
 */
import type { ClusterConfig, ClusterState } from '../protocol/cluster-state.ts';
import type { HeldCopy } from '../protocol/messages.ts';
import type { ClusterEffect } from './effects.ts';
import type { ClusterEvent, EvaluationReason, MoveReason } from './events.ts';
import type { HealthVerdict } from './health.ts';

/** A coordinator took the lead. `recovered`: from the nodes' copies of the state, so every term grows as well. */
export interface LeaderStarted {
  readonly kind: 'leader_started';
  readonly coordinatorId: string;
  readonly recovered: boolean;
}

/** POST /register. */
export interface RegisterNode {
  readonly kind: 'register_node';
  readonly node: {
    readonly id: string;
    readonly addr: string;
    readonly version?: string | undefined;
    readonly zone?: string | undefined;
    readonly maxShards?: number | undefined;
    readonly directoryId?: string | undefined;
    readonly incarnation?: string | undefined;
    /** Every copy on its disk, also those it has not opened yet; absent: a node without data. */
    readonly copies?: readonly HeldCopy[] | undefined;
    /** Cluster and leader epoch stored in its data directory. */
    readonly clusterId?: string | undefined;
    readonly leaderEpoch?: number | undefined;
  };
  /** Whether the lease of the process known under this id may still run. */
  readonly leaseRunning: boolean;
}

/** The health checks say something new about a node. */
export interface NodeVerdict {
  readonly kind: 'node_verdict';
  readonly nodeId: string;
  readonly verdict: HealthVerdict;
}

/** The node got SIGTERM and gives its empty shards away. */
export interface NodeLeaving {
  readonly kind: 'node_leaving';
  readonly nodeId: string;
  /** Identities of the shards that are known to hold no user record. */
  readonly emptyShards: readonly string[];
}

/** The node's process said goodbye; what it still holds stays its own. */
export interface NodeLeft {
  readonly kind: 'node_left';
  readonly nodeId: string;
}

/** DELETE /nodes/{id}. */
export interface ForgetNode {
  readonly kind: 'forget_node';
  readonly nodeId: string;
  readonly acceptDataLoss: boolean;
  readonly leaseRunning: boolean;
}

/** PATCH /nodes/{id}. */
export interface PatchNode {
  readonly kind: 'patch_node';
  readonly nodeId: string;
  readonly maxShards: number;
}

/** The first assignment; does nothing while fewer than `min_nodes` can take a shard, or when it was made. */
export interface Form {
  readonly kind: 'form';
}

/**
 * Look at the placement and even it out as far as shards are empty. May be sent while earlier releases are on their
 * way: whether a move still helps is decided when its release is confirmed.
 */
export interface EvenEmpty {
  readonly kind: 'even_empty';
  readonly reason: EvaluationReason;
  /** The node that gave the reason. */
  readonly nodeId?: string | undefined;
  /** Identities of the shards that are known to hold no user record. */
  readonly emptyShards: readonly string[];
}

/** The holder answered a release: from now on it refuses reads and writes of the copy. */
export interface ReleaseConfirmed {
  readonly kind: 'release_confirmed';
  readonly shardUid: string;
  readonly copyId: string;
  readonly term: number;
  /** Binding when the reason is `manual`, else only what seemed best when the release was asked for. */
  readonly targetNodeId: string;
  readonly reason: MoveReason;
}

/** The holder declined a release: a write came first. */
export interface ReleaseRefused {
  readonly kind: 'release_refused';
  readonly shardUid: string;
  readonly copyId: string;
  readonly term: number;
}

/** The node reported that these copies exist on its disk. */
export interface CopyConfirmed {
  readonly kind: 'copy_confirmed';
  readonly nodeId: string;
  readonly copyIds: readonly string[];
}

/** A node holds a copy fenced above the shard's term, although the shard is still its own: a release got lost. */
export interface Refence {
  readonly kind: 'refence';
  readonly shardUid: string;
  readonly copyId: string;
  readonly fence: number;
}

/** What the shard's holder last said about it. `unknown`: it does not answer. */
export type HolderReport = 'empty' | 'data' | 'in_doubt' | 'unknown';

/** POST /shards/assign. */
export interface AssignShard {
  readonly kind: 'assign_shard';
  readonly shardId: number;
  readonly nodeId?: string | undefined;
  readonly isPrimary: boolean;
  readonly acceptDataLoss: boolean;
  readonly holder: HolderReport;
}

/** PUT /cluster/config, already checked for names and types. */
export interface SetConfig {
  readonly kind: 'set_config';
  readonly config: { readonly [Name in keyof ClusterConfig]?: ClusterConfig[Name] | undefined };
}

/** POST /cluster/recover: an operator goes on without the nodes that are missing. */
export interface RecoverAcceptMissing {
  readonly kind: 'recover_accept_missing';
  readonly missing: readonly string[];
}

/** POST /cluster/reset: all data goes, nodes and config stay. */
export interface Reset {
  readonly kind: 'reset';
}

/** One command to the cluster state. */
export type ClusterCommand =
  | LeaderStarted
  | RegisterNode
  | NodeVerdict
  | NodeLeaving
  | NodeLeft
  | ForgetNode
  | PatchNode
  | Form
  | EvenEmpty
  | ReleaseConfirmed
  | ReleaseRefused
  | CopyConfirmed
  | Refence
  | AssignShard
  | SetConfig
  | RecoverAcceptMissing
  | Reset;

/** What a command needs besides the state. */
export interface CommandContext {
  /** Wall clock, milliseconds. */
  readonly now: number;
  /** A new random identity: 16 hex digits, never given before. */
  readonly newId: () => string;
  /** Bytes per shard identity, as far as known; decides between places that are equal otherwise. */
  readonly bytesByShard?: ReadonlyMap<string, number> | undefined;
}

/** What came of a command. `state` is the same reference when nothing changed. */
export interface Reduction {
  readonly state: ClusterState;
  readonly effects: readonly ClusterEffect[];
  readonly events: readonly ClusterEvent[];
}
