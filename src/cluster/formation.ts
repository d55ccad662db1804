/** When the first assignment may be made: enough nodes that can take a shard, and a moment for the others to come. */
import type { ClusterState } from '../protocol/cluster-state.ts';
import { seatsOf } from './placement.ts';

/** How far the cluster is from its first assignment. */
export interface FormationProgress {
  /** Nodes that could take a shard now. */
  readonly nodes: number;
  readonly minNodes: number;
}

/** Nodes that could take a shard, and how many are wanted. */
export const formationProgress = (state: ClusterState): FormationProgress => ({
  nodes: joinTimes(state).length,
  minNodes: state.config.minNodes,
});

/**
 * Milliseconds until the first assignment is due: `assignment_delay` after the node that completed `min_nodes` was
 * registered. Undefined while there are too few nodes. Never more than the delay, whatever the wall clock does.
 * Contract: the caller arms one timer with it and then sends `form`.
 */
export function formationWaitMs(state: ClusterState, nowMs: number): number | undefined {
  const { minNodes, assignmentDelayMs } = state.config;
  const completedAt = joinTimes(state)[minNodes - 1];
  if (completedAt === undefined) return undefined;
  return Math.min(assignmentDelayMs, Math.max(0, completedAt + assignmentDelayMs - nowMs));
}

const joinTimes = (state: ClusterState): readonly number[] =>
  seatsOf(state)
    .filter(({ node, capacity }) => node.status === 'healthy' && node.directoryId && capacity > 0)
    .map(({ node }) => node.registeredAt)
    .sort((left, right) => left - right);
