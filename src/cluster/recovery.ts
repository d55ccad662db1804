/**
 * A coordinator that lost its disk starts from the states its nodes hold. It takes the newest one and goes on when
 * every node named in it has registered, because a missing node might hold a newer one.
 */
import { ToruaError } from '../kernel/errors.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';

/** A state that a node holds. */
export interface StateOffer {
  readonly nodeId: string;
  readonly state: ClusterState;
}

/** What a place in history a state has. */
export type StateAge = Pick<ClusterState, 'leaderEpoch' | 'version'>;

/** Positive when `left` is newer: by leader epoch first, then by version. */
export const compareAge = (left: StateAge, right: StateAge): number =>
  left.leaderEpoch - right.leaderEpoch || left.version - right.version;

/**
 * The newest state on offer, or undefined without one.
 * Errors: `wrong_cluster` when nodes of two clusters answer: nobody can know which one is meant.
 */
export function newestState(offers: readonly StateOffer[]): ClusterState | undefined {
  let newest: StateOffer | undefined;
  for (const offer of offers) {
    if (newest && offer.state.clusterId !== newest.state.clusterId) {
      throw new ToruaError(
        'wrong_cluster',
        `Node ${newest.nodeId} belongs to cluster ${newest.state.clusterId}, node ${offer.nodeId} to ` +
          `${offer.state.clusterId}. Stop the nodes of the cluster that is not meant, then start the coordinator again.`,
        { fields: { node_id: offer.nodeId } },
      );
    }
    if (!newest || compareAge(offer.state, newest.state) > 0) newest = offer;
  }
  return newest?.state;
}

/**
 * Ids of the nodes the state names that have not registered yet, ascending. A node without a data directory holds no
 * state and is not waited for.
 */
export const missingNodes = (
  state: ClusterState,
  registered: ReadonlySet<string>,
): readonly string[] =>
  state.nodes
    .filter(({ id, directoryId }) => directoryId !== undefined && !registered.has(id))
    .map(({ id }) => id)
    .sort();
