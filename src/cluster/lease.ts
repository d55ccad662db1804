/**
 * The leader's side of leases: what it granted, and when it may act as if a node had none. The node counts its lease
 * from the moment it sent the request; the leader counts the same span and a tenth more from the grant, so that it is
 * always the later of the two, clocks that drift included. Times are the leader's monotonic clock, milliseconds.
 */
import type { NodeStatus } from '../protocol/cluster-state.ts';

/** Health intervals that one lease lasts. */
const INTERVALS_PER_LEASE = 2;
/** What the leader adds to a span before it counts as over. */
const DRIFT_ALLOWANCE = 1.1;

/** One node's newest grant. */
interface LeaseGrant {
  readonly incarnation: string;
  /** On the leader's count. */
  readonly endsAtMs: number;
}

/** What a leader remembers of leases. Immutable, never stored: a new leader waits one span instead. */
export interface LeaseBook {
  /** Grants of an earlier leader may run until here. */
  readonly inheritedUntilMs: number;
  readonly grants: ReadonlyMap<string, LeaseGrant>;
}

/** A lease's span in milliseconds. */
export const leaseSpanMs = (healthCheckIntervalMs: number): number =>
  healthCheckIntervalMs * INTERVALS_PER_LEASE;

/** The book of a leader that starts now: leases of its predecessor may run for one whole span. */
export const openLeaseBook = (nowMs: number, healthCheckIntervalMs: number): LeaseBook => ({
  inheritedUntilMs: nowMs + leaseSpanMs(healthCheckIntervalMs) * DRIFT_ALLOWANCE,
  grants: new Map(),
});

/** A heartbeat's request for a lease. */
export interface LeaseRequest {
  readonly nodeId: string;
  readonly incarnation: string;
  readonly status: NodeStatus;
  readonly healthCheckIntervalMs: number;
  /** End of this leader's own leadership; Infinity when nobody else can lead. */
  readonly leadershipEndsAtMs: number;
  readonly nowMs: number;
}

/**
 * Grants a lease, or 0 ms to a node that is unhealthy or dead. No grant outlasts the leadership.
 * Contract: the caller has checked that the incarnation is the one registered.
 */
export function grantLease(
  book: LeaseBook,
  request: LeaseRequest,
): { readonly book: LeaseBook; readonly leaseMs: number } {
  const { nodeId, incarnation, nowMs } = request;
  if (request.status === 'unhealthy' || request.status === 'dead') return { book, leaseMs: 0 };
  const span = leaseSpanMs(request.healthCheckIntervalMs);
  const leaseMs = Math.floor(Math.max(0, Math.min(span, request.leadershipEndsAtMs - nowMs)));
  if (leaseMs === 0) return { book, leaseMs: 0 };
  // A shorter span after a change of the interval must not hide an older, longer grant.
  const endsAtMs = Math.max(nowMs + leaseMs * DRIFT_ALLOWANCE, ownGrantEnd(book, nodeId));
  const grants = new Map([...book.grants].filter(([, grant]) => grant.endsAtMs > nowMs));
  grants.set(nodeId, { incarnation, endsAtMs });
  return { book: { ...book, grants }, leaseMs };
}

/** When nothing this leader or the one before granted to the node can run any more. */
export const leaseRunsOutAtMs = (book: LeaseBook, nodeId: string): number =>
  Math.max(book.inheritedUntilMs, ownGrantEnd(book, nodeId));

/**
 * Whether the node may still act under a lease. Only when it may not, its shards may be promoted or reassigned and its
 * id be given to another directory.
 */
export const leaseRunning = (book: LeaseBook, nodeId: string, nowMs: number): boolean =>
  nowMs < leaseRunsOutAtMs(book, nodeId);

const ownGrantEnd = (book: LeaseBook, nodeId: string): number =>
  book.grants.get(nodeId)?.endsAtMs ?? Number.NEGATIVE_INFINITY;
