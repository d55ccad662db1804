/**
 * The ledger: every promise of issue 2, of the REST contract (sections 1-5, 7, 8) and of the design (1-5, 8, 9) as
 * data. test/requirements.test.ts is its gate: an id is held when a test or a scenario cites it.
 */
import { CLUSTER } from './requirements/cluster.ts';
import { ENVIRONMENT } from './requirements/environment.ts';
import { HOUSE } from './requirements/house.ts';
import { HTTP } from './requirements/http.ts';
import { KEYS } from './requirements/keys.ts';
import { LATER } from './requirements/later.ts';
import { NODE } from './requirements/node.ts';
import type { Requirement } from './requirements/requirement.ts';
import { STORAGE } from './requirements/storage.ts';
import { TOOLS } from './requirements/tools.ts';

/** Promised and not held yet: id -> why. The issue stays open while one is left. */
const OPEN: Readonly<Record<string, string>> = {
  'bench.put.cpu':
    'Missed in the last run of make bench; docs/benchmarks.md, Misses, has the profile.',
};

const PROMISES: readonly Requirement[] = [
  ...HTTP,
  ...KEYS,
  ...CLUSTER,
  ...NODE,
  ...ENVIRONMENT,
  ...STORAGE,
  ...TOOLS,
  ...HOUSE,
  ...LATER,
];

/** All promises, each id once, with what is open marked so. */
export const REQUIREMENTS: readonly Requirement[] = PROMISES.map((entry) => {
  const reason = OPEN[entry.id];
  return reason === undefined ? entry : { ...entry, status: 'open' as const, reason };
});

/** Ids marked open that nobody promised; the gate wants none. */
export const OPEN_UNKNOWN: readonly string[] = Object.keys(OPEN).filter(
  (id) => !PROMISES.some((entry) => entry.id === id),
);
