/**
 * Measures the ways to keep a copy's database in bounds; docs/adr/0001 quotes it. Run: npx tsx bench/checkpoint/run.ts
 * [kills]. Prints one JSON document; about four minutes on two cores with 100 kills.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { killRounds } from '../../test/contract/shard-store-kills.ts';
import { collision, foldingCosts, readLatencies, recovery, sustained } from './strategies.ts';

// @req: shard.checkpoint.measured
const [kills = '0'] = process.argv.slice(2);

async function inFolder<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'torua-bench-'));
  try {
    return await work(join(folder, 'copy'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of ten children six die in a checkpoint, two in a rewrite, two between. */
async function killed(directory: string, count: number) {
  const modes = [
    'checkpoint',
    'rewrite',
    'checkpoint',
    'write',
    'checkpoint',
    'checkpoint',
    'rewrite',
    'checkpoint',
    'write',
    'checkpoint',
  ];
  const rounds = await killRounds(
    directory,
    Array.from({ length: count }, (_, index) => modes[index % modes.length] ?? 'write'),
  );
  const died: Record<string, number> = {};
  for (const round of rounds) died[round.died] = (died[round.died] ?? 0) + 1;
  return {
    kills: rounds.length,
    diedWhile: died,
    errors: rounds.filter(({ error }) => error !== ''),
  };
}

const report = {
  node: process.version,
  cores: availableParallelism(),
  sustained: [
    await inFolder((at) => sustained(at, { keys: 25_000, updates: 200_000, batchRows: 2_000 })),
    await inFolder((at) => sustained(at, { keys: 65_536, updates: 200_000, batchRows: 2_000 })),
    await inFolder((at) => sustained(at, { keys: 100_000, updates: 200_000, batchRows: 8_000 })),
    await inFolder((at) => sustained(at, { keys: 16_384, updates: 100_000, batchRows: 1_000 })),
  ],
  folding: [
    await inFolder((at) => foldingCosts(at, { keys: 25_000, updates: 20_000 })),
    await inFolder((at) => foldingCosts(at, { keys: 100_000, updates: 20_000 })),
    await inFolder((at) => foldingCosts(at, { keys: 400_000, updates: 20_000 })),
  ],
  keyReadMs: await inFolder((at) => readLatencies(at, { keys: 65_536, rounds: 6 })),
  collisionOfFiveSeconds: await inFolder((at) => collision(at, { keys: 20_000, heavyMs: 5_000 })),
  recovery: await inFolder((at) => recovery(at, { keys: 100_000, logRows: 160_000 })),
  kills: Number(kills) > 0 ? await inFolder((at) => killed(at, Number(kills))) : 'not run',
};
process.stdout.write(`${JSON.stringify(report, null, 1)}\n`);
