/** The long run of the crash stories; a short one stands beside the log. */
import { test } from 'vitest';
import { playCrashStory } from './log-crash.ts';

test('a thousand stories of crashes lose, reorder and invent nothing', async () => {
  for (let seed = 1; seed <= 1_000; seed += 1) {
    await playCrashStory({ seed }).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
  }
});
