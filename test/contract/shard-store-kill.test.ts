/** kill -9 of a process that has the Kuzu store open: the next one always opens it and finds every row. */
import { expect, test } from 'vitest';
import { inDirectory } from './shard-store-fixture.ts';
import { killRounds } from './shard-store-kills.ts';

test('a process killed while it writes leaves every acknowledged row in the live database', async () => {
  await inDirectory(async (directory) => {
    const rounds = await killRounds(
      directory,
      Array.from({ length: 3 }, () => 'write'),
    );
    expect(rounds.map(({ error }) => error)).toEqual(rounds.map(() => ''));
  });
});

// @req: failure.engine-crash
test('a process killed inside a checkpoint costs a restart from the base, never a row', async () => {
  await inDirectory(async (directory) => {
    const rounds = await killRounds(
      directory,
      Array.from({ length: 5 }, () => 'checkpoint'),
    );
    expect(rounds.map(({ error }) => error)).toEqual(rounds.map(() => ''));
    expect(rounds.filter(({ died }) => died === 'checkpointing').length).toBeGreaterThan(2);
  });
});

test('a process killed inside a rewrite leaves the old generation or the new one, whole', async () => {
  await inDirectory(async (directory) => {
    const rounds = await killRounds(
      directory,
      Array.from({ length: 4 }, () => 'rewrite'),
    );
    expect(rounds.map(({ error }) => error)).toEqual(rounds.map(() => ''));
  });
});
