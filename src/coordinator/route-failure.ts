/** What becomes of a failure on the way to a shard: repeat it, or tell the user, and in which words. */
import { formationProgress } from '../cluster/formation.ts';
import type { RoutePlace } from '../cluster/routing.ts';
import type { Deadline } from '../kernel/deadline.ts';
import { type ErrorCode, isErrorCode, ToruaError } from '../kernel/errors.ts';
import type { KeyAnswer } from '../protocol/key-operation.ts';
import type { StateKeeper } from './state-keeper.ts';

/** One request to one shard. */
export interface RoutedRequest {
  readonly shardId: number;
  /** `opId` is empty for what changes nothing. `callersId`: what the caller repeats the whole request under. */
  readonly operation: {
    readonly verb: string;
    readonly opId: string;
    readonly callersId?: string | undefined;
  };
  readonly deadline: Deadline;
  readonly repeatable?: (() => boolean) | undefined;
}

/** How long a node that gives no answer is asked again before the user is told, milliseconds: a restart fits in. */
const UNREACHABLE_RETRY_MS = 3_000;

/** Codes after which the same operation may find its way: the route changes, the copy opens, the node comes back. */
const REPEATABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'stale_term',
  'stale_epoch',
  'not_primary',
  'shard_opening',
  'no_lease',
  'node_unreachable',
  'shutting_down',
  'shard_not_found',
]);

/** Codes that pass when a node's process has started again: its restart is waited for, not the whole deadline. */
const RESTARTING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'node_unreachable',
  'shutting_down',
]);

/** What nodes say to coordinators about ownership; a user is told that the shard is not available. */
const FENCING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'stale_term',
  'stale_epoch',
  'not_primary',
  'shard_not_found',
]);

/** Refusals that only something else than a node of this cluster can give to a coordinator's request. */
const MISDIRECTED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'not_found',
  'method_not_allowed',
  'cluster_token_required',
  'protocol_too_old',
  'unsupported_media_type',
]);

/** Codes that a node may answer after the record is in its log: the write may be there, whatever comes next. */
const OPEN_ENDED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'no_lease',
  'storage_failed',
  'shutting_down',
  'deadline_exceeded',
  'internal_error',
  'invariant_broken',
]);

/** The error with what a user needs: which shard, which node, and that a write may have happened. */
export function described(
  thrown: ToruaError,
  request: RoutedRequest,
  { nodeId, mayHaveHappened }: { readonly nodeId: string; readonly mayHaveHappened: boolean },
): ToruaError {
  const { shardId, operation } = request;
  const error = forUsers(thrown, shardId, nodeId);
  const { status } = error.definition;
  // Always on a 502 and 504, as the contract says, though some of them are known to have changed nothing.
  const unclear = operation.opId !== '' && (mayHaveHappened || status === 502 || status === 504);
  const { sent: _sent, ...fields } = error.fields;
  const outcome = { outcome: 'unknown', idempotency_key: operation.callersId ?? operation.opId };
  return new ToruaError(error.code, error.detail, {
    cause: error,
    retryAfterMs: error.retryAfterMs,
    fields: {
      ...fields,
      shard_id: shardId,
      ...(nodeId === '' ? {} : { node_id: nodeId }),
      ...(unclear ? outcome : {}),
    },
  });
}

/** Whether the attempt that failed may have changed something all the same. */
export function isOpenEnded({ code, fields }: ToruaError): boolean {
  return typeof fields.sent === 'boolean' ? fields.sent : OPEN_ENDED.has(code);
}

/** What one process tells another is not always what a user has to know. */
function forUsers(error: ToruaError, shardId: number, nodeId: string): ToruaError {
  if (error.code === 'disk_full') {
    const detail = `The disk of node ${nodeId} is full.`; // which of its files did not fit is its own affair
    return new ToruaError('disk_full', detail, { cause: error, retryAfterMs: error.retryAfterMs });
  }
  if (FENCING.has(error.code)) {
    const detail = `Shard ${shardId} is changing its owner (${error.detail})`;
    return new ToruaError('shard_unavailable', detail, { cause: error, retryAfterMs: 1_000 });
  }
  if (MISDIRECTED.has(error.code)) {
    const detail = `The node refused what only a node of this cluster is asked (${error.code}).`;
    return new ToruaError('bad_node_answer', detail, { cause: error });
  }
  return error;
}

/** Errors: `read_only`. */
export function checkWritable(readOnly: boolean): void {
  if (readOnly) throw new ToruaError('read_only', 'The cluster is read-only.');
}

/** Whether the same request may find its way a little later. `spentMs`: since it was first tried. */
export function mayRepeat(error: ToruaError, spentMs: number): boolean {
  if (!REPEATABLE.has(error.code)) return false;
  return !RESTARTING.has(error.code) || spentMs < UNREACHABLE_RETRY_MS;
}

/** Why nobody serves the shard now: it is being created, waits for nodes, or has lost its copy. */
export function noTarget(place: RoutePlace | undefined, keeper: StateKeeper): ToruaError {
  const { state, founded } = keeper;
  const { nodes, minNodes } = formationProgress(state);
  const forming = !founded || place?.stage === 'unassigned';
  if (place?.stage === 'initializing' || (forming && nodes >= minNodes)) {
    const detail = `Shard ${place?.shardId} is being created.`;
    return new ToruaError('shard_opening', detail, { retryAfterMs: 200 });
  }
  if (forming) {
    const detail = `The first assignment waits for ${minNodes} nodes; ${nodes} can take shards.`;
    const fields = { nodes, min_nodes: minNodes };
    return new ToruaError('waiting_for_assignment', detail, { retryAfterMs: 1_000, fields });
  }
  return new ToruaError('shard_unavailable', `Shard ${place?.shardId} has lost its only copy.`);
}

/** Codes that answer the question instead of refusing it. */
const OUTCOMES: ReadonlySet<string> = new Set<ErrorCode>(['key_not_found', 'precondition_failed']);

/** The answer, unless it reports a failure: then that is thrown, so that it may be repeated. */
export function accepted(answer: KeyAnswer): KeyAnswer {
  if (answer.code === undefined || OUTCOMES.has(answer.code)) return answer;
  const code = isErrorCode(answer.code) ? answer.code : 'bad_node_answer';
  throw new ToruaError(code, answer.detail ?? `The node answered ${answer.status}.`);
}
