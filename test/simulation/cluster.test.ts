/**
 * A thousand clusters, each with users and misfortunes of its own; every one must keep every promise.
 *
 * TORUA_SEED=<n>    plays this one seed and prints its trace.
 * SIMULATION_SEEDS=<n>   plays that many seeds instead of 1,000 (`make simulate`).
 */
import { expect, test } from 'vitest';
import { play } from './sim-run.ts';

const only = process.env['TORUA_SEED'];
const count = Number(process.env['SIMULATION_SEEDS'] || 1_000);

/** Plays the seed; a failure names it and how to see it again. */
async function told(seed: number, onTrace?: (line: string) => void): Promise<void> {
  await play(seed, { onTrace }).catch((cause: unknown) => {
    const replay = `TORUA_SEED=${seed} npx vitest run test/simulation/cluster.test.ts`;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`seed ${seed}: ${reason}\nreplay with: ${replay}`, { cause });
  });
}

test.runIf(only !== undefined)('the one seed that was asked for keeps every promise', async () => {
  await told(Number(only), (line) => console.log(line));
});

// @req: sim.production-code, sim.faults, sim.checkers, sim.seeds, trouble.clock-back
test.skipIf(only !== undefined)(
  'no misfortune makes a cluster lose, forget or invent anything',
  async () => {
    for (let seed = 1; seed <= count; seed += 1) await told(seed);
  },
  300_000 + count * 1_000,
);

// @req: sim.replay
// @req: sim.replay
test.skipIf(only !== undefined)('the same seed gives the same trace', async () => {
  for (const seed of [3, 17, 42]) {
    const [first, second] = [await play(seed), await play(seed)];
    expect(first.steps).toBeGreaterThan(100);
    expect(second).toEqual(first);
  }
});

test.skipIf(only !== undefined)(
  'without misfortune every request of a whole cluster is answered',
  async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { operations, unanswered } = await play(seed, { faults: false });
      expect(operations).toBeGreaterThan(20);
      expect(unanswered).toBe(0);
    }
  },
);
