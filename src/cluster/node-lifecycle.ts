/**
 * A node's status as a table that is total over status × event: a missing cell does not compile. ARCHITECTURE.md's
 * diagram is drawn from it. `maintenance` and `evacuating` have rows, but nothing leads to them yet.
 */
import type { NodeStatus } from '../protocol/cluster-state.ts';

/** What can happen to a node, as far as its status is concerned. */
export type NodeLifecycleEvent =
  /** It registered: for the first time, or the same process again. */
  | 'registered'
  /** Another process registered under its id. */
  | 'restarted'
  /** A health check was answered. */
  | 'answered'
  /** Too many health checks in a row were not. */
  | 'checks_failed'
  /** No answer for DEAD_AFTER. */
  | 'silent'
  /** It announced that it is about to stop. */
  | 'leave_announced'
  /** It stopped and held nothing. */
  | 'left_empty'
  /** It stopped and keeps its shards. */
  | 'stopped_holding'
  /** An operator deleted it. */
  | 'forgotten';

/** `absent` is a node the state does not name. */
export type NodeLifecycleState = NodeStatus | 'absent';

/** A cell: the next status, `ignored` (nothing changes) or `refused` (the caller gets an error). */
export type NodeCell = NodeLifecycleState | 'ignored' | 'refused';

/** Status × event → what follows. */
export const NODE_LIFECYCLE: Readonly<
  Record<NodeLifecycleState, Readonly<Record<NodeLifecycleEvent, NodeCell>>>
> = {
  absent: {
    registered: 'unknown',
    restarted: 'unknown',
    answered: 'ignored',
    checks_failed: 'ignored',
    silent: 'ignored',
    leave_announced: 'refused',
    left_empty: 'ignored',
    stopped_holding: 'ignored',
    forgotten: 'refused',
  },
  unknown: {
    registered: 'ignored',
    restarted: 'ignored',
    answered: 'healthy',
    checks_failed: 'unhealthy',
    silent: 'dead',
    leave_announced: 'leaving',
    left_empty: 'absent',
    stopped_holding: 'unhealthy',
    forgotten: 'refused',
  },
  healthy: {
    registered: 'ignored',
    restarted: 'ignored',
    answered: 'ignored',
    checks_failed: 'unhealthy',
    silent: 'dead',
    leave_announced: 'leaving',
    left_empty: 'absent',
    stopped_holding: 'unhealthy',
    forgotten: 'refused',
  },
  unhealthy: {
    registered: 'healthy',
    restarted: 'healthy',
    answered: 'healthy',
    checks_failed: 'ignored',
    silent: 'dead',
    leave_announced: 'leaving',
    left_empty: 'absent',
    stopped_holding: 'ignored',
    forgotten: 'refused',
  },
  dead: {
    registered: 'healthy',
    restarted: 'healthy',
    answered: 'healthy',
    checks_failed: 'ignored',
    silent: 'ignored',
    leave_announced: 'leaving',
    left_empty: 'absent',
    stopped_holding: 'ignored',
    forgotten: 'absent',
  },
  leaving: {
    registered: 'ignored',
    restarted: 'healthy',
    answered: 'ignored',
    checks_failed: 'unhealthy',
    silent: 'dead',
    leave_announced: 'ignored',
    left_empty: 'absent',
    stopped_holding: 'unhealthy',
    forgotten: 'absent',
  },
  maintenance: {
    registered: 'ignored',
    restarted: 'ignored',
    answered: 'ignored',
    checks_failed: 'unhealthy',
    silent: 'dead',
    leave_announced: 'leaving',
    left_empty: 'absent',
    stopped_holding: 'unhealthy',
    forgotten: 'refused',
  },
  evacuating: {
    registered: 'ignored',
    restarted: 'ignored',
    answered: 'ignored',
    checks_failed: 'unhealthy',
    silent: 'dead',
    leave_announced: 'leaving',
    left_empty: 'absent',
    stopped_holding: 'unhealthy',
    forgotten: 'refused',
  },
};

/** The table's cell. */
export const nodeCell = (state: NodeLifecycleState, event: NodeLifecycleEvent): NodeCell =>
  NODE_LIFECYCLE[state][event];

/** The status after the event; the same one when the table ignores or refuses it, or the node would be gone. */
export function nextStatus(status: NodeStatus, event: NodeLifecycleEvent): NodeStatus {
  const cell = nodeCell(status, event);
  return cell === 'ignored' || cell === 'refused' || cell === 'absent' ? status : cell;
}
