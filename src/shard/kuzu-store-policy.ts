/**
 * When the store checkpoints, when it rewrites, and in which form it applies: decisions, pure. Figures are measured in
 * docs/adr/0001-checkpoint-strategy.md.
 */

/** Bounds of the store, each a name with a unit. */
export interface KuzuStoreLimits {
  /** Rows changed since the last checkpoint. A checkpoint costs about 110 ms whatever it holds. */
  readonly checkpointRows: number;
  /** Transactions since the last checkpoint; each keeps about 50 KB of the pool until then. */
  readonly checkpointCommits: number;
  /** Bytes of the engine's own write-ahead log. */
  readonly checkpointWalBytes: number;
  /** Below this many transactions and a tenth of `checkpointRows` a half-full pool alone is no reason: cached pages count. */
  readonly poolCommitsMin: number;
  /** The live file may grow to this multiple of its size right after the last rewrite... */
  readonly rewriteFactor: number;
  /** ...and to this many bytes in any case. */
  readonly rewriteBytesMin: number;
  /** A base older than this many bytes of log (or than the live file is long) is refreshed. */
  readonly baseLogBytes: number;
}

/** Defaults. The condition they keep: the live file stays within 4 times its size after a rewrite, or 16 MiB. */
export const KUZU_STORE_LIMITS: KuzuStoreLimits = {
  checkpointRows: 20_000,
  checkpointCommits: 1_000,
  checkpointWalBytes: 16 * 2 ** 20,
  poolCommitsMin: 250,
  rewriteFactor: 3,
  rewriteBytesMin: 12 * 2 ** 20,
  baseLogBytes: 64 * 2 ** 20,
};

/** A checkpoint makes the file grow by up to this multiple of the write-ahead log it folds in. Measured: 1.5 to 2.6. */
const GROWTH_PER_WAL_BYTE = 3;

/** What the decision looks at. */
export interface StoreFacts {
  readonly rows: number;
  readonly commits: number;
  readonly walBytes: number;
  readonly liveBytes: number;
  readonly liveBytesAfterRewrite: number;
  readonly logBytesSinceBase: number;
  readonly poolUsedBytes: number;
  readonly poolLimitBytes: number;
  readonly force?: 'checkpoint' | 'rewrite' | undefined;
}

/** What is due. `urgent`: it cannot wait for long readers to end by themselves. */
export interface Maintenance {
  readonly act: 'nothing' | 'checkpoint' | 'rewrite';
  readonly isUrgent: boolean;
}

/** Decides what is due now. */
export function maintenanceDue(facts: StoreFacts, limits: KuzuStoreLimits): Maintenance {
  if (facts.force !== undefined) return { act: facts.force, isUrgent: true };
  const fileMax = Math.max(
    limits.rewriteFactor * facts.liveBytesAfterRewrite,
    limits.rewriteBytesMin,
  );
  const isBaseOld = facts.logBytesSinceBase > Math.max(limits.baseLogBytes, facts.liveBytes);
  if (isBaseOld || facts.liveBytes > fileMax) return { act: 'rewrite', isUrgent: false };
  const pressure = pressureOf(facts, limits);
  if (pressure < 1) return { act: 'nothing', isUrgent: false };
  const grown = facts.liveBytes + GROWTH_PER_WAL_BYTE * facts.walBytes;
  return { act: grown > fileMax ? 'rewrite' : 'checkpoint', isUrgent: pressure >= 2 };
}

/** 1 = a checkpoint is due, 2 = it is twice overdue. */
function pressureOf(facts: StoreFacts, limits: KuzuStoreLimits): number {
  const volume = Math.max(
    facts.rows / limits.checkpointRows,
    facts.commits / limits.checkpointCommits,
    facts.walBytes / limits.checkpointWalBytes,
  );
  const hasContent =
    facts.commits >= limits.poolCommitsMin || facts.rows >= limits.checkpointRows / 10;
  const pool = hasContent ? facts.poolUsedBytes / (facts.poolLimitBytes / 2) : 0;
  // A full pool fails the next write, so three quarters count as overdue.
  return Math.max(volume, pool >= 1.5 ? 2 : pool >= 1 ? 1 : 0);
}

/**
 * Whether a batch is applied row by row (about 330 microseconds a row) or from a row file (about 2.5 ms, plus a scan of
 * all keys at 80 ns each).
 */
export function appliesRowByRow(changes: number, keys: number): boolean {
  return changes * 330 <= 2_500 + keys * 0.08;
}
