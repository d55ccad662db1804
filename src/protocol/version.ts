/**
 * Version of the wire between Torua's processes. A test pins a hash of all wire schemas to this number.
 * History: 1 = first release (registration, heartbeat, state push, release, batch frame, value streams).
 */

/** What this build speaks. */
export const PROTOCOL_VERSION = 1;
/** The oldest version this build still understands. */
export const MIN_SUPPORTED_PROTOCOL = 1;
/** Header with the sender's protocol version on every internal request. */
export const PROTOCOL_HEADER = 'x-torua-protocol';
/** Header with the shared secret of the cluster on every internal request. */
export const CLUSTER_TOKEN_HEADER = 'x-torua-cluster-token';
