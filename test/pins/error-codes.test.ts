/** Error codes with status and retryability, as literals: programs compare them. A new one is added here as well. */
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/kernel/error-codes.ts';

/** Code → status, followed by "retry" when the same request may succeed later. */
const PINNED = {
  invalid_request: '400',
  unknown_field: '400',
  invalid_key: '400',
  invalid_json: '400',
  invalid_encoding: '400',
  unsupported_encoding: '415',
  unsupported_media_type: '415',
  not_found: '404',
  key_not_found: '404',
  node_not_found: '404',
  shard_not_found: '404',
  method_not_allowed: '405',
  wait_timed_out: '408 retry',
  precondition_failed: '412',
  value_too_large: '413',
  idempotency_key_reused: '422',
  too_many_requests: '429 retry',
  request_timed_out: '408 retry',
  headers_too_large: '431',
  read_only: '403',
  cluster_token_required: '403',
  reset_not_allowed: '403',
  protocol_too_old: '426',
  node_id_in_use: '409',
  wrong_cluster: '409',
  holds_only_copy: '409',
  node_not_gone: '409',
  no_capacity: '409',
  assignment_conflict: '409',
  data_loss_not_accepted: '409',
  not_recovering: '409',
  nothing_kept_aside: '409',
  reset_not_confirmed: '400',
  stale_term: '409 retry',
  stale_epoch: '409 retry',
  stale_schema: '409 retry',
  not_primary: '409 retry',
  wrong_shard: '421',
  waiting_for_assignment: '503 retry',
  recovering: '503 retry',
  shards_unavailable: '503 retry',
  shard_unavailable: '503 retry',
  shard_opening: '503 retry',
  shard_in_doubt: '503',
  no_lease: '503 retry',
  not_enough_copies: '503 retry',
  idempotency_window_full: '503 retry',
  shutting_down: '503 retry',
  overloaded: '503 retry',
  node_unreachable: '502 retry',
  bad_node_answer: '502 retry',
  cluster_unreachable: '503 retry',
  not_torua: '502',
  deadline_exceeded: '504 retry',
  disk_full: '507 retry',
  storage_failed: '503 retry',
  config_invalid: '500',
  address_in_use: '500',
  directory_locked: '500',
  directory_too_new: '500',
  directory_foreign: '500',
  state_damaged: '500',
  not_implemented: '501',
  invariant_broken: '500',
  internal_error: '500',
};

// @req: http.error.table
// @req: house.pins
test('every error code keeps its word, its status and whether to retry', () => {
  const found = Object.fromEntries(
    Object.entries(ERROR_CODES).map(([code, { status, retryable }]) => [
      code,
      retryable ? `${status} retry` : `${status}`,
    ]),
  );
  expect(found).toEqual(PINNED);
});
