/**
 * May this node take a copy of this shard? Each decider answers for one reason and in words, so that placement and
 * `GET /cluster/allocation/explain` can never disagree.
 */
import type {
  ClusterConfig,
  NodeEntry,
  NodeStatus,
  ShardEntry,
} from '../protocol/cluster-state.ts';

/** A node as placement sees it while it plans: with the copies it would have by then. */
export interface Seat {
  readonly node: NodeEntry;
  readonly copies: number;
  readonly primaries: number;
  readonly bytes: number;
  readonly capacity: number;
}

/** Each reason for which a node may be turned down. */
export type DeciderName = 'node_status' | 'data_directory' | 'same_shard' | 'capacity';

/** One decider's answer. */
export interface DeciderVerdict {
  readonly decider: DeciderName;
  readonly verdict: 'yes' | 'no';
  readonly explanation: string;
}

type Decider = (shard: ShardEntry, seat: Seat) => readonly [allowed: boolean, words: string];

const STATUS_WORDS: Readonly<Record<NodeStatus, string>> = {
  unknown: 'The node has not answered a health check at its address yet.',
  healthy: 'The node is healthy.',
  unhealthy: 'The node does not answer its health checks.',
  dead: 'The node has not answered for longer than DEAD_AFTER.',
  leaving: 'The node is about to stop.',
  maintenance: 'The node is in maintenance and gets no new copy.',
  evacuating: 'The node is being evacuated and gets no new copy.',
};

const DECIDERS: Readonly<Record<DeciderName, Decider>> = {
  node_status: (_shard, { node }) => [node.status === 'healthy', STATUS_WORDS[node.status]],
  data_directory: (_shard, { node }) =>
    node.directoryId === undefined
      ? [false, 'The node registered without a data directory, so it cannot hold data.']
      : [true, `The node keeps its data in directory ${node.directoryId}.`],
  same_shard: (shard, { node }) =>
    shard.copies.some((copy) => copy.nodeId === node.id && copy.state !== 'lost')
      ? [false, 'The node already holds a copy of this shard.']
      : [true, 'The node holds no other copy of this shard.'],
  capacity: (_shard, { copies, capacity }) =>
    copies < capacity
      ? [true, `The node holds ${copies} of at most ${capacity} copies.`]
      : [false, `The node is full: it holds ${copies} of at most ${capacity} copies.`],
};

/** Copies the node may hold: its own limit or the cluster's, whichever is lower. */
export const capacityOf = (node: NodeEntry, config: ClusterConfig): number =>
  Math.min(node.maxShards ?? config.maxShardsPerNode, config.maxShardsPerNode);

/** Every decider's verdict, always in the same order. */
export const decide = (shard: ShardEntry, seat: Seat): readonly DeciderVerdict[] =>
  (Object.entries(DECIDERS) as [DeciderName, Decider][]).map(([decider, ask]) => {
    const [allowed, explanation] = ask(shard, seat);
    return { decider, verdict: allowed ? 'yes' : 'no', explanation };
  });

/** The verdicts that turn the node down; empty when it may take a copy. */
export const objections = (shard: ShardEntry, seat: Seat): readonly DeciderVerdict[] =>
  decide(shard, seat).filter(({ verdict }) => verdict === 'no');
