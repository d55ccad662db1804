/** When a node does its work: registered, the cluster formed, every copy of its own open. Source: REST contract, section 1. */
import { ToruaError } from '../kernel/errors.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import type { LinkStatus } from './coordinator-link.ts';

/** The facts that readiness rests on. */
export interface ReadinessFacts {
  readonly link: { readonly status: LinkStatus };
  readonly stored: { readonly current: ClusterState | undefined };
  /** `ready`: every assigned copy is open and serves its term. */
  readonly copies: { readonly ready: boolean };
}

/** Undefined when ready; else `waiting_for_assignment` with `nodes` and `min_nodes`, or `shard_opening`. */
export function readinessOf({ link, stored, copies }: ReadinessFacts): ToruaError | undefined {
  const { connected, problem, formation } = link.status;
  const state = stored.current;
  const fields = {
    nodes: formation?.nodes ?? 0,
    min_nodes: formation?.minNodes ?? state?.config.minNodes ?? 1,
  };
  if (!connected) {
    const detail = `This node is not registered: ${problem ?? 'it has not tried yet.'}`;
    return new ToruaError('waiting_for_assignment', detail, { fields });
  }
  if (!isFormed(state)) {
    const detail = `The first assignment waits for ${fields.min_nodes} nodes; ${fields.nodes} can take shards.`;
    return new ToruaError('waiting_for_assignment', detail, { fields });
  }
  if (copies.ready) return undefined;
  return new ToruaError('shard_opening', 'A copy assigned to this node is not open yet.');
}

/** A state may be stored before the first assignment: then every shard still has term 0. */
function isFormed(state: ClusterState | undefined): boolean {
  const shards = state?.databases.flatMap((database) => database.shards) ?? [];
  return shards.some((shard) => shard.term > 0);
}
