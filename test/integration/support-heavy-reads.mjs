/**
 * Loaded into a node's own process by `--import`, before its program: SIGWINCH begins two endless heavy reads on every
 * shard's store; no store has more connections for them. HEAVY_READ_MS is how long one of them lasts before it
 * is ended by its time; its successor begins at once. Checkpoints become due early, so that they meet the reads.
 */
import { KuzuStore } from '../../dist/esm/shard/kuzu-store.js';
import { KUZU_STORE_LIMITS } from '../../dist/esm/shard/kuzu-store-policy.js';

/** More work than any machine does in a test; touches every row as well. */
const ENDLESS =
  'UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b UNWIND range(1, 100) AS c RETURN sum(a % 7 * b + c)';
/** As many as a store has connections for graph reads on a large machine; on a small one some of them wait. */
const READERS_PER_STORE = 2;

Object.assign(KUZU_STORE_LIMITS, { checkpointRows: 100, rewriteBytesMin: 2 ** 40 });

const stores = new Set();
const { learnOldestOutcome } = KuzuStore.prototype;
KuzuStore.prototype.learnOldestOutcome = function learn() {
  stores.add(this);
  return learnOldestOutcome.call(this);
};

const timeoutMs = Number(process.env.HEAVY_READ_MS ?? 4_000);
const counts = { begun: 0, running: 0, timeouts: 0, others: [] };

let isStopping = false;
process.once('SIGTERM', () => {
  isStopping = true; // as the routes behind which users' reads come in are closed first
});

async function readForEver(store) {
  while (!isStopping) {
    counts.begun += 1;
    counts.running += 1;
    try {
      await store.graphRead(ENDLESS, { timeoutMs });
      counts.others.push('it ended');
    } catch (error) {
      if (error.code === 'deadline_exceeded') counts.timeouts += 1;
      else counts.others.push(error.code);
      if (error.code === 'shutting_down') return;
    } finally {
      counts.running -= 1;
    }
  }
}

process.on('SIGWINCH', () => {
  if (counts.begun === 0)
    for (const store of stores)
      for (let reader = 0; reader < READERS_PER_STORE; reader += 1) void readForEver(store);
  process.stderr.write(`${JSON.stringify({ heavy: counts })}\n`);
});
