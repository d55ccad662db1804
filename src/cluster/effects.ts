/** What the leader's services must do after a transition was committed. Pushing the new state is implied by its version. */
import type { EvaluationReason, MoveReason } from './events.ts';

/**
 * Ask the holder of an empty copy to give it back (POST /internal/v1/release); answer with `release_confirmed` or
 * `release_refused`. A holder that does not answer keeps the shard: then nothing is reported.
 */
export interface ReleaseEffect {
  readonly kind: 'release';
  readonly nodeId: string;
  readonly addr: string;
  readonly shardId: number;
  readonly shardUid: string;
  readonly copyId: string;
  readonly term: number;
  /** Where the shard is to go. */
  readonly targetNodeId: string;
  readonly reason: MoveReason;
}

/** Check the node's health at once: it takes no shard before it has answered at the address it gave. */
export interface ProbeEffect {
  readonly kind: 'probe';
  readonly nodeId: string;
  readonly addr: string;
}

/** Send `even_empty` with this reason and the shards that are known to be empty now. */
export interface EvaluateEffect {
  readonly kind: 'evaluate';
  readonly reason: EvaluationReason;
  readonly nodeId: string;
}

/** Tell the holder that an operator accepts what a damaged copy's base and log still give. */
export interface AcceptDamageEffect {
  readonly kind: 'accept_damage';
  readonly nodeId: string;
  readonly addr: string;
  readonly shardUid: string;
  readonly copyId: string;
  readonly term: number;
}

/** One intention of the reducer. */
export type ClusterEffect = ReleaseEffect | ProbeEffect | EvaluateEffect | AcceptDamageEffect;
