/** Finds citations of requirements, and says what the ledger makes of them. Pure. */
import type { Requirement } from './requirement.ts';

/** One citation. */
export interface Citation {
  readonly id: string;
  readonly path: string;
  readonly line: number;
}

/** What became of every promise. */
export interface LedgerVerdict {
  readonly held: readonly Requirement[];
  readonly open: readonly Requirement[];
  readonly deferred: readonly Requirement[];
  /** Neither cited nor open nor deferred: red. */
  readonly uncited: readonly Requirement[];
  /** Cited and not in the ledger: red. */
  readonly unknown: readonly Citation[];
  /** Cited although deferred, or open: its status is out of date. Red. */
  readonly outdated: readonly Requirement[];
}

const ID = '[a-z0-9]+(?:[.-][a-z0-9]+)*';
const SCENARIO_TAG = new RegExp(`@req:(${ID})`, 'g');
const TEST_COMMENT = new RegExp(`^\\s*(?://|/?\\*+) @req: (${ID}(?:, ${ID})*)(?: \\*/)?$`);

/**
 * Citations in one file: tags `@req:id` in a .feature, comment lines `// @req: id, id` in a test.
 * Shape: in the order of the lines.
 */
export function citationsIn(path: string, text: string): Citation[] {
  return text.split('\n').flatMap((line, index) => {
    const ids = path.endsWith('.feature')
      ? [...line.matchAll(SCENARIO_TAG)].map((match) => match[1] ?? '')
      : (TEST_COMMENT.exec(line)?.[1]?.split(', ') ?? []);
    return ids.map((id) => ({ id, path, line: index + 1 }));
  });
}

/** Whether a file's citations count. */
export function mayCite(path: string): boolean {
  if (path.startsWith('test/requirements')) return path === 'test/requirements.test.ts';
  return path.endsWith('.feature') || /\.test\.ts$/.test(path) || /^bench\/.*\.ts$/.test(path);
}

/** Sorts every promise by what tests say of it. */
export function judge(
  requirements: readonly Requirement[],
  citations: readonly Citation[],
): LedgerVerdict {
  const cited = new Set(citations.map(({ id }) => id));
  const known = new Set(requirements.map(({ id }) => id));
  const withStatus = (status: Requirement['status']): Requirement[] =>
    requirements.filter((entry) => entry.status === status);
  const isCited = ({ id }: Requirement): boolean => cited.has(id);
  return {
    held: withStatus(undefined).filter(isCited),
    open: withStatus('open'),
    deferred: withStatus('deferred'),
    uncited: withStatus(undefined).filter((entry) => !isCited(entry)),
    unknown: citations.filter(({ id }) => !known.has(id)),
    outdated: requirements.filter((entry) => entry.status !== undefined && isCited(entry)),
  };
}
