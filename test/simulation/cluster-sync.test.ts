/** No sync call of a cluster is there for nothing: without any one of them some run breaks a promise. */
import { expect, test } from 'vitest';
import { play } from './sim-run.ts';
import { syncName } from './sync-sites.ts';

/** Seeds in which a call must show at least once, so that it is looked at. */
const SEEDS_SEEN = 30;
/** Seeds within which its absence must show. */
const SEEDS_MAX = 300;

/**
 * Calls that other tests prove, because a cluster's run shows their absence too seldom; without the line's number.
 * `log/`: log-sync.test.ts, with stories made for the purpose. The others: names.test.ts.
 */
const PROVED_ELSEWHERE = [
  /^kernel\/data-directory.ts \| directory (node|coordinator)$/,
  /^log\//,
  /^node\/copy-set.ts \| directory node\/copies\/<copy>$/,
];

// @req: sim.sync-removed
test('without any one of its sync calls a cluster breaks a promise', async () => {
  const names = new Set<string>();
  for (let seed = 1; seed <= SEEDS_SEEN; seed += 1) {
    await play(seed, { syncFilter: (call) => names.add(syncName(call)) !== undefined });
  }
  const own = [...names].filter((name) => !isProvedElsewhere(name));
  // A pin: a new sync call has to show here that it is needed.
  expect(own).toHaveLength(15);
  const unneeded: string[] = [];
  for (const name of own) if (!(await isNeeded(name))) unneeded.push(name);
  expect(unneeded).toEqual([]);
}, 600_000);

async function isNeeded(name: string): Promise<boolean> {
  for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
    const isFine = await play(seed, { syncFilter: (call) => syncName(call) !== name }).then(
      () => true,
      () => false,
    );
    if (!isFine) return true;
  }
  return false;
}

function isProvedElsewhere(name: string): boolean {
  const lineless = name.replace(/:\d+/g, '');
  return PROVED_ELSEWHERE.some((pattern) => pattern.test(lineless));
}
