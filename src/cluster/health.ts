/**
 * Verdicts from health checks: pure book-keeping of one node's probe results. Only real probe results move it, so a
 * leader that was itself suspended declares nobody dead on waking up.
 */

/** Probes that fail in a row before a node is unhealthy. Source: REST contract, section 7.3. */
export const FAILURES_UNTIL_UNHEALTHY = 3;

/** What the checks say of a node. */
export type HealthVerdict = 'healthy' | 'unhealthy' | 'dead';

/** What is remembered of one node's checks; times on the leader's monotonic clock, milliseconds. */
export interface NodeHealth {
  readonly failuresInRow: number;
  /** The last answer, or the moment the node was first seen. */
  readonly lastSuccessMs: number;
  /** Undefined before the first probe came back. */
  readonly lastProbeMs: number | undefined;
  /** Undefined before the checks allow one. */
  readonly verdict: HealthVerdict | undefined;
}

/** A node nobody has probed yet; DEAD_AFTER counts from now. */
export const unprobed = (nowMs: number): NodeHealth => ({
  failuresInRow: 0,
  lastSuccessMs: nowMs,
  lastProbeMs: undefined,
  verdict: undefined,
});

/**
 * The book after one probe result. One success is `healthy`; the third failure in a row is `unhealthy`, and `dead`
 * once the last success is `deadAfterMs` ago.
 */
export function observeProbe(
  health: NodeHealth,
  probe: { readonly nowMs: number; readonly answered: boolean; readonly deadAfterMs: number },
): NodeHealth {
  const { nowMs, answered, deadAfterMs } = probe;
  if (answered) {
    return { failuresInRow: 0, lastSuccessMs: nowMs, lastProbeMs: nowMs, verdict: 'healthy' };
  }
  const failuresInRow = health.failuresInRow + 1;
  const silentMs = nowMs - health.lastSuccessMs;
  const failed = silentMs >= deadAfterMs ? 'dead' : 'unhealthy';
  const verdict = failuresInRow >= FAILURES_UNTIL_UNHEALTHY ? failed : health.verdict;
  return { ...health, failuresInRow, lastProbeMs: nowMs, verdict };
}
