/**
 * `GET /cluster/allocation/explain`: why each copy is where it is, or nowhere, what each decider says about each
 * node, and the next request to send. Words for people, computed from the same deciders that place shards.
 */
import type { ClusterState, CopyEntry, ShardEntry } from '../protocol/cluster-state.ts';
import { type DeciderVerdict, decide, objections } from './deciders.ts';
import { copyServes, reportOf, type VolatileFacts } from './facts.ts';
import { formationProgress } from './formation.ts';
import { bestSeat, seatsOf } from './placement.ts';
import { type ShardStage, stageOf } from './shard-lifecycle.ts';
import { findNode, isFormed, primaryCopy, requireShard } from './state-access.ts';
import { type ReportedShardState, reportedState } from './summary.ts';

/** A request that would help, ready to be sent. */
export interface NextRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>> | undefined;
  readonly why: string;
}

/** One copy with the reason for its place. */
export interface ExplainedCopy {
  readonly copyId: string;
  readonly nodeId: string;
  readonly isPrimary: boolean;
  readonly state: CopyEntry['state'];
  readonly serves: boolean;
  readonly explanation: string;
}

/** One node as a place for a copy of the shard. */
export interface ExplainedNode {
  readonly nodeId: string;
  readonly decision: 'yes' | 'no' | 'holds_it';
  readonly copies: number;
  readonly deciders: readonly DeciderVerdict[];
}

/** The whole explanation of one shard. */
export interface AllocationExplanation {
  readonly shardId: number;
  readonly shardUid: string;
  readonly state: ReportedShardState;
  readonly explanation: string;
  readonly copies: readonly ExplainedCopy[];
  readonly nodes: readonly ExplainedNode[];
  /** Absent when there is nothing to do. */
  readonly nextRequest?: NextRequest | undefined;
}

/** Explains the shard. Errors: `shard_not_found`. */
export function explainShard(
  state: ClusterState,
  shardId: number,
  facts: VolatileFacts,
): AllocationExplanation {
  const shard = requireShard(state, shardId);
  return {
    shardId,
    shardUid: shard.shardUid,
    state: reportedState(shard, facts),
    explanation: shardWords(state, shard, facts),
    copies: shard.copies.map((copy) => explainCopy(state, { shard, copy, facts })),
    nodes: explainNodes(state, shard),
    nextRequest: nextRequest(state, { shard, shardId, facts }),
  };
}

function shardWords(state: ClusterState, shard: ShardEntry, facts: VolatileFacts): string {
  const stage = stageOf(shard);
  if (stage === 'unassigned') return unassignedWords(state, shard);
  if (facts.releasing.has(shard.shardUid)) {
    return 'The shard is empty and its node was asked to give it back, so that the counts become even.';
  }
  const holder = primaryCopy(shard)?.nodeId ?? '';
  const words: Readonly<Record<Exclude<ShardStage, 'unassigned'>, string>> = {
    initializing: `Node ${holder} was told to create the shard's copy and has not confirmed it yet.`,
    active: `The shard has its place on node ${holder}.`,
    lost: 'Every copy of the shard is lost. It is never created anew by itself, because that would hide the loss.',
  };
  return words[stage];
}

function unassignedWords(state: ClusterState, shard: ShardEntry): string {
  if (!isFormed(state)) {
    const { nodes, minNodes } = formationProgress(state);
    return `The first assignment waits for nodes: ${nodes} of ${minNodes} can take a shard.`;
  }
  return shard.term === 0
    ? 'The shard was never assigned, because no node could take it.'
    : 'The node that held the only copy was forgotten; the shard starts empty when an operator says so.';
}

interface CopyInShard {
  readonly shard: ShardEntry;
  readonly copy: CopyEntry;
  readonly facts: VolatileFacts;
}

function explainCopy(state: ClusterState, { shard, copy, facts }: CopyInShard): ExplainedCopy {
  return {
    copyId: copy.copyId,
    nodeId: copy.nodeId,
    isPrimary: shard.primary === copy.copyId,
    state: copy.state,
    serves: copyServes(facts, copy),
    explanation: copyWords(state, copy, facts),
  };
}

function copyWords(state: ClusterState, copy: CopyEntry, facts: VolatileFacts): string {
  const { nodeId } = copy;
  const status = findNode(state, nodeId)?.status ?? 'unknown';
  if (copy.state === 'lost') return `Node ${nodeId} came back without this copy.`;
  if (!facts.liveNodes.has(nodeId)) {
    return `Node ${nodeId} does not answer (${status}); the copy stays its own, because no other exists.`;
  }
  if (copy.state === 'initializing') return `Node ${nodeId} is creating the copy.`;
  const condition = reportOf(facts, copy)?.state ?? 'open';
  if (condition === 'opening') return `Node ${nodeId} is opening the copy.`;
  if (condition === 'in_doubt') {
    return `The copy on node ${nodeId} is damaged beyond what its own log can repair.`;
  }
  return `Node ${nodeId} serves the copy; it got it as the best place for an even spread.`;
}

function explainNodes(state: ClusterState, shard: ShardEntry): readonly ExplainedNode[] {
  return seatsOf(state).map((seat) => {
    const holds = shard.copies.some(
      (copy) => copy.nodeId === seat.node.id && copy.state !== 'lost',
    );
    const allowed = objections(shard, seat).length === 0;
    return {
      nodeId: seat.node.id,
      decision: holds ? 'holds_it' : allowed ? 'yes' : 'no',
      copies: seat.copies,
      deciders: decide(shard, seat),
    };
  });
}

interface ShardQuestion {
  readonly shard: ShardEntry;
  readonly shardId: number;
  readonly facts: VolatileFacts;
}

function nextRequest(state: ClusterState, question: ShardQuestion): NextRequest | undefined {
  const { shard, facts } = question;
  const copy = primaryCopy(shard);
  if (copy === undefined) return requestForPlace(state, question);
  if (!facts.liveNodes.has(copy.nodeId)) {
    const path = `/nodes/${encodeURIComponent(copy.nodeId)}/info`;
    return { method: 'GET', path, why: `Start node ${copy.nodeId} again, then look at it here.` };
  }
  if (reportOf(facts, copy)?.state !== 'in_doubt') return undefined;
  return {
    method: 'POST',
    path: '/shards/assign',
    body: assignment(question, copy.nodeId),
    why: 'Keeps what the damaged copy still holds; the rest is given up.',
  };
}

function requestForPlace(state: ClusterState, question: ShardQuestion): NextRequest {
  const { shard } = question;
  const [lost] = shard.copies;
  if (!isFormed(state)) {
    return {
      method: 'GET',
      path: '/nodes',
      why: 'Start more nodes; this lists those that joined.',
    };
  }
  const target = bestSeat(shard, seatsOf(state))?.node.id;
  if (target === undefined) {
    return {
      method: 'GET',
      path: '/nodes',
      why: 'Add a node, or raise max_shards of one that is full.',
    };
  }
  const why =
    lost === undefined
      ? `Starts the shard on node ${target}.`
      : `Bring the lost copy back to node ${lost.nodeId}; or start the shard empty on node ${target}.`;
  return { method: 'POST', path: '/shards/assign', body: assignment(question, target), why };
}

const assignment = ({ shard, shardId }: ShardQuestion, nodeId: string): NextRequest['body'] => ({
  shard_id: shardId,
  node_id: nodeId,
  is_primary: true,
  ...(shard.term > 0 ? { accept_data_loss: true } : {}),
});
