import { test } from 'vitest';
import { playCrashStory } from '../../test/simulation/log-crash.ts';

test('no crash at any instant loses, reorders or invents a record, or looks like damage', async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    await playCrashStory({ seed }).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
  }
});
