/** Promises about every answer: the REST contract's general rules. */
import { promised, type Requirement } from './requirement.ts';

/** Contract section 1. */
export const HTTP: Requirement[] = promised('contract 1', {
  'http.openapi.served':
    'GET /openapi.json answers OpenAPI 3.1 made from the zod schemas of the routes.',
  'http.openapi.page': 'GET /docs answers a page that browses the OpenAPI document.',
  'http.json.unknown-field':
    "An unknown request field on a users' route is a 400 that names the field.",
  'http.json.unknown-field.internal': "Unknown fields between Torua's processes are ignored.",
  'http.json.pretty': '?pretty indents any JSON answer.',
  'http.json.time': 'Points in time are ISO 8601 UTC with milliseconds.',
  'http.json.duration': 'Durations in configuration are strings such as "500ms", "2s" and "1m".',
  'http.protocol.too-old': 'A process that speaks a protocol too old gets 426 protocol_too_old.',
  'http.error.problem':
    'Every error is application/problem+json with type, title, status, detail, instance, code, retryable and request_id.',
  'http.error.table': 'GET /errors serves the one table of error codes.',
  'http.error.detail': "An error's detail names the value at fault and the next step.",
  'http.error.no-stack': 'No stack trace ever leaves the process.',
  'http.request-id.echoed': "Every answer carries x-request-id: the caller's, or a new one.",
  'http.traceparent.passed': 'A traceparent is honoured and passed on from coordinator to node.',
  'http.overload.retry-after': 'Overload answers 429 or 503 with retry-after.',
  'http.access.declared':
    'A route that declares no access (open, read, write, admin, internal) does not start.',
  'http.access.token': 'Internal routes want CLUSTER_TOKEN when it is set.',
  'http.access.loopback':
    'Without CLUSTER_TOKEN internal routes answer loopback peers only; others get 403 cluster_token_required.',
  'http.deadline.header':
    "x-torua-deadline-ms from 1 to 600,000 sets a request's deadline; other values are a 400.",
  'http.deadline.default': 'REQUEST_TIMEOUT is the deadline of requests that name none.',
  'http.deadline.exceeded': 'A request over its deadline gets 504 deadline_exceeded.',
  'http.deadline.stream': "A stream's deadline counts the time without progress.",
  'http.deadline.hops': 'Each hop passes the remaining time on.',
  'http.idempotency.repeated':
    'A write repeated with its idempotency-key within 10 minutes gets the recorded outcome.',
  'http.idempotency.mismatch': 'An idempotency-key used for another write is refused.',
  'http.idempotency.unknown-outcome':
    'A 502 or 504 on a write says "outcome":"unknown" and carries the key.',
  'http.idempotency.made': 'The coordinator makes an id for every write that brings none.',
  'http.missing-shards.refused':
    'A list or range delete that meets a shard without a live copy gets 503 shards_unavailable with missing_shards.',
  'http.missing-shards.partial':
    '?partial=true answers 200 from the other shards with partial and missing_shards.',
  'http.missing-shards.bulk': '_bulk fails only the lines of a shard without a live copy.',
  'http.gzip.request': 'A request body may be content-encoding: gzip.',
  'http.gzip.stored-unpacked': 'A PUT with content-encoding: gzip is stored unpacked.',
  'http.gzip.limit': 'Limits count unpacked bytes.',
  'http.gzip.answer': 'Answers over 8 KiB are compressed when accept-encoding asks.',
  'http.gzip.compressed-value': 'Stored values that are compressed already are left alone.',
  'http.no-redirect': 'Data reads and writes never redirect.',
  'http.livez': 'GET /livez answers 200 while the process runs.',
  'http.readyz.coordinator':
    'A coordinator is ready when its state is loaded and a leader is known, also with no node at all.',
  'http.readyz.node':
    'A node is ready when it is registered, the first assignment is made and each of its copies is open.',
  'http.readyz.waiting':
    "Before the first assignment a node's /readyz is 503 waiting_for_assignment with nodes and min_nodes.",
  'http.version': 'GET /version answers the version of the process.',
  'http.health':
    'GET /health answers as readyz with status, version, uptime, cluster, metrics and reasons.',
  'http.metrics': 'GET /metrics answers in the Prometheus text format on both processes.',
  'http.not-found': 'An unknown path is 404 not_found as a problem document.',
  'http.method': 'An unknown method on a known path is 405 with allow.',
});
