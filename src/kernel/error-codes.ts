/**
 * The table of error codes: title, HTTP status, whether a retry may help, and what to do next.
 * Served at `GET /errors`, generated into docs/reference/errors.md, pinned by test/pins.
 */
/** What one code means. */
export interface ErrorDefinition {
  /** Short, the same for each occurrence. */
  readonly title: string;
  /** HTTP status. */
  readonly status: number;
  /** Whether the same request may succeed later without change. */
  readonly retryable: boolean;
  /** What a user does next. */
  readonly remedy: string;
}

const row = (status: number, title: string, remedy: string): ErrorDefinition => ({
  status,
  title,
  remedy,
  retryable: false,
});
const retry = (status: number, title: string, remedy: string): ErrorDefinition => ({
  status,
  title,
  remedy,
  retryable: true,
});

/** Code → what it means. Adding one is a change of the contract; renaming one breaks users' programs. */
export const ERROR_CODES = {
  // The request itself
  invalid_request: row(400, 'The request is not valid', 'Correct the field that the detail names.'),
  unknown_field: row(
    400,
    'The request has a field nobody knows',
    'Remove or correct the field; the detail suggests a near name.',
  ),
  invalid_key: row(
    400,
    'The key cannot be used',
    'Use 1 to 4096 bytes of UTF-8 without NUL, percent-encoded once in the path.',
  ),
  invalid_json: row(
    400,
    'The body is not valid JSON',
    'Send UTF-8 JSON; the detail names the place.',
  ),
  invalid_encoding: row(
    400,
    'The body cannot be unpacked',
    'Send the body plain or as valid gzip.',
  ),
  unsupported_encoding: row(
    415,
    'The content-encoding is not supported',
    'Send the body plain or with content-encoding: gzip.',
  ),
  unsupported_media_type: row(
    415,
    'The content-type is not supported here',
    'Send application/json.',
  ),
  not_found: row(404, 'Nothing is here', 'Check the path against GET /openapi.json.'),
  key_not_found: row(
    404,
    'The key does not exist',
    'Nothing; the shard answered and has no value under this key.',
  ),
  node_not_found: row(404, 'No node has this id', 'GET /nodes lists the ids.'),
  shard_not_found: row(
    404,
    'No such shard here',
    'GET /shards lists the shards and the nodes that hold them.',
  ),
  method_not_allowed: row(
    405,
    'The method is not allowed here',
    'The allow header lists the methods of this path.',
  ),
  wait_timed_out: retry(
    408,
    'The cluster did not reach the state in time',
    'Ask again with a longer timeout, or GET /cluster/allocation/explain for the reason.',
  ),
  precondition_failed: row(
    412,
    'The condition was not met',
    'GET the key for its present etag and decide again.',
  ),
  value_too_large: row(
    413,
    'The body is over the limit',
    'Send less, or raise the limit the detail names.',
  ),
  idempotency_key_reused: row(
    422,
    'The idempotency-key was used for another write',
    'Use a new idempotency-key for each different write.',
  ),
  too_many_requests: retry(
    429,
    'Too much work is waiting',
    'Wait for retry-after, then repeat; use fewer connections.',
  ),
  request_timed_out: retry(
    408,
    'The request did not arrive in time',
    'Send the whole request without long pauses.',
  ),
  headers_too_large: row(
    431,
    'The headers are over the limit',
    'Send fewer or shorter headers; a key has at most 4096 bytes.',
  ),
  // Access
  read_only: row(
    403,
    'The cluster is read-only',
    'PUT /cluster/config {"read_only":false} allows writes again.',
  ),
  cluster_token_required: row(
    403,
    'Only processes of this cluster may call this',
    'Set the same CLUSTER_TOKEN on the coordinator and on every node.',
  ),
  reset_not_allowed: row(
    403,
    'Resetting is switched off',
    'Start the coordinator with ALLOW_RESET=true where losing all data is meant.',
  ),
  protocol_too_old: row(
    426,
    'The other process speaks a protocol too old',
    'Upgrade the older process; the detail names both versions.',
  ),
  // Cluster changes
  node_id_in_use: row(
    409,
    'Another node has this id',
    'Give the node another NODE_ID, or stop the one that uses it.',
  ),
  wrong_cluster: row(
    409,
    'The data directory belongs to another cluster',
    "Point DATA_DIR at this cluster's directory, or COORDINATOR_ADDR at the other cluster.",
  ),
  holds_only_copy: row(
    409,
    'The node holds the only copy of a shard',
    'Bring the node back, or repeat with ?accept_data_loss=true to give the data up.',
  ),
  node_not_gone: row(
    409,
    'The node is not gone',
    'Stop the node first; a node is forgotten when it is dead or drained.',
  ),
  no_capacity: row(
    409,
    'No node has room',
    'Raise max_shards with PATCH /nodes/{id}, or add a node.',
  ),
  assignment_conflict: row(
    409,
    'The shard cannot be assigned there',
    'GET /cluster/allocation/explain?shard_id= names each reason.',
  ),
  data_loss_not_accepted: row(
    409,
    'This would give data up',
    'Bring the lost copy back, or repeat with "accept_data_loss":true.',
  ),
  not_recovering: row(
    409,
    'The cluster is not recovering',
    'Nothing; GET /cluster/info shows the state.',
  ),
  nothing_kept_aside: row(
    409,
    'No record is kept aside',
    'GET /cluster/events lists records that were kept aside.',
  ),
  reset_not_confirmed: row(
    400,
    'The reset is not confirmed',
    'Send {"confirm":"<cluster_id>"} with the id of GET /cluster/info.',
  ),
  // Fencing between processes
  stale_term: retry(
    409,
    'The shard has a newer owner',
    'Repeat; the coordinator asks for the route again.',
  ),
  stale_epoch: retry(409, 'A newer coordinator leads', 'Nothing; the older leader steps back.'),
  stale_schema: retry(
    409,
    'The schema is newer than the request',
    'Repeat; the statement is planned again.',
  ),
  not_primary: retry(
    409,
    'This copy is not the primary',
    'Send the request to the address in the answer.',
  ),
  wrong_shard: row(
    421,
    'The key belongs to another shard',
    'Send it to the coordinator, or to shard FNV-1a(key) modulo num_shards.',
  ),
  // Not now
  waiting_for_assignment: retry(
    503,
    'The cluster waits for nodes',
    'Start nodes until min_nodes is reached.',
  ),
  recovering: retry(
    503,
    'The coordinator rebuilds the cluster state',
    'Start the missing nodes, or run torua cluster recover --accept-missing.',
  ),
  shards_unavailable: retry(
    503,
    'A shard has no live copy',
    'Start the node that holds it; reads may ask ?partial=true.',
  ),
  shard_unavailable: retry(
    503,
    'The shard has no live copy',
    'Start the node that holds it; GET /cluster/allocation/explain names it.',
  ),
  shard_opening: retry(503, 'The shard is being opened', 'Repeat after retry-after.'),
  shard_in_doubt: row(
    503,
    'The copy is damaged and has no peer',
    'Assign the shard again with "accept_data_loss":true to keep what the base holds.',
  ),
  no_lease: retry(
    503,
    'The node has no lease from the coordinator',
    'Repeat; the node goes on as soon as it reaches the coordinator.',
  ),
  not_enough_copies: retry(
    503,
    'Too few copies are in sync',
    'Start the missing nodes, or lower min_in_sync.',
  ),
  idempotency_window_full: retry(
    503,
    'Too many idempotency-keys are remembered',
    'Repeat later; keys are remembered for 10 minutes.',
  ),
  shutting_down: retry(
    503,
    'The process is stopping',
    'Repeat; another process or its next life answers.',
  ),
  overloaded: retry(503, 'The process is overloaded', 'Wait for retry-after, then repeat.'),
  node_unreachable: retry(
    502,
    'The node gave no answer',
    'Repeat; a write repeated with its idempotency-key is safe.',
  ),
  bad_node_answer: retry(
    502,
    "The node's answer made no sense",
    'Repeat; if it stays, compare the versions of GET /nodes.',
  ),
  cluster_unreachable: retry(
    503,
    'The cluster gave no answer',
    'Start it with make start, or give the right address with --url or TORUA_URL.',
  ),
  not_torua: row(
    502,
    'The address answers, but not as Torua does',
    'Give the address of a coordinator with --url or TORUA_URL.',
  ),
  deadline_exceeded: retry(
    504,
    'The time for the request is over',
    'Repeat with a longer x-torua-deadline-ms.',
  ),
  disk_full: retry(507, "The node's disk is full", 'Free space on the node that the detail names.'),
  storage_failed: retry(
    503,
    "The node's disk failed",
    'The node restarts and replays its log; check the disk if it stays.',
  ),
  // Processes and directories
  config_invalid: row(
    500,
    'The configuration is not valid',
    'Correct the variable that the line names.',
  ),
  address_in_use: row(
    500,
    'The address is taken',
    'Stop the process that listens there, or choose another port.',
  ),
  directory_locked: row(
    500,
    'Another process uses the data directory',
    'Stop the other process, or give this one its own DATA_DIR.',
  ),
  directory_too_new: row(
    500,
    'The data directory was written by a newer version',
    'Start the newer version, or use another DATA_DIR.',
  ),
  directory_foreign: row(
    500,
    'The directory is not a Torua data directory',
    'Choose an empty directory.',
  ),
  state_damaged: row(
    500,
    'The stored cluster state is damaged',
    'Move state.json away and start again: a coordinator takes the state from its nodes, a node from its coordinator.',
  ),
  not_implemented: row(501, 'Not built yet', 'docs/roadmap.md says when.'),
  invariant_broken: row(500, 'A bug in Torua', 'Please report it with the request_id and the log.'),
  internal_error: row(
    500,
    'Something failed inside Torua',
    'Please report it with the request_id and the log.',
  ),
} as const satisfies Record<string, ErrorDefinition>;
