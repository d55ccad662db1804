/** The shape of a promise in the ledger. */

/** One promise: what has to hold, and where it was made. */
export interface Requirement {
  /** Stable words with dots; cited by tests and scenarios. */
  readonly id: string;
  /** What holds, in one sentence. */
  readonly sentence: string;
  /** Where the promise was made: `contract 2`, `design 4`, `issue 2`. */
  readonly source: string;
  /** Absent: a test has to cite it. `open`: promised, not held yet. `deferred`: left to a later issue. */
  readonly status?: 'open' | 'deferred' | undefined;
  /** Why it is open or deferred. */
  readonly reason?: string | undefined;
}

/** Requirements of one source, from id -> sentence. */
export function promised(
  source: string,
  sentences: Readonly<Record<string, string>>,
): Requirement[] {
  return Object.entries(sentences).map(([id, sentence]) => ({ id, sentence, source }));
}

/** Requirements that a later issue fulfils, all for one reason. */
export function deferred(
  source: string,
  reason: string,
  sentences: Readonly<Record<string, string>>,
): Requirement[] {
  return promised(source, sentences).map((entry) => ({ ...entry, status: 'deferred', reason }));
}
