/** What a supervisor does after its child's end, cell by cell. */
import { expect, test } from 'vitest';
import { afterChildEnd, type EndedChild } from './supervise-decision.ts';

const ended: EndedChild = {
  code: 1,
  signal: null,
  livedMs: 1_000,
  stopping: false,
  lastBackoffMs: 0,
};

// @req: supervise.restart-75
test.each([
  ['code 75: at once', { code: 75 }, { action: 'restart', delayMs: 0 }],
  [
    'code 75 after failures: at once',
    { code: 75, lastBackoffMs: 4_000 },
    { action: 'restart', delayMs: 0 },
  ],
  ['code 0: idle', { code: 0 }, { action: 'idle' }],
  ['the first failure: 250 ms', {}, { action: 'restart', delayMs: 250 }],
  ['the second failure: 500 ms', { lastBackoffMs: 250 }, { action: 'restart', delayMs: 500 }],
  ['the fifth failure: 4 s', { lastBackoffMs: 2_000 }, { action: 'restart', delayMs: 4_000 }],
  ['any later failure: 5 s', { lastBackoffMs: 4_000 }, { action: 'restart', delayMs: 5_000 }],
  [
    'a failure at the longest wait: 5 s',
    { lastBackoffMs: 5_000 },
    { action: 'restart', delayMs: 5_000 },
  ],
  [
    'a failure after 30 s of life: 250 ms',
    { lastBackoffMs: 5_000, livedMs: 30_000 },
    { action: 'restart', delayMs: 250 },
  ],
  [
    'a failure after 29.9 s of life goes on doubling',
    { lastBackoffMs: 1_000, livedMs: 29_999 },
    { action: 'restart', delayMs: 2_000 },
  ],
  [
    'death by a signal is a failure',
    { code: null, signal: 'SIGKILL' },
    { action: 'restart', delayMs: 250 },
  ],
  ['told to stop, code 0', { code: 0, stopping: true }, { action: 'exit', code: 0 }],
  ['told to stop, code 75', { code: 75, stopping: true }, { action: 'exit', code: 75 }],
  [
    'told to stop, by a signal',
    { code: null, signal: 'SIGTERM', stopping: true },
    { action: 'exit', code: 143 },
  ],
  [
    'told to stop, killed',
    { code: null, signal: 'SIGKILL', stopping: true },
    { action: 'exit', code: 137 },
  ],
] as const)('supervise: %s', (_title, change, decision) => {
  expect(afterChildEnd({ ...ended, ...change })).toEqual(decision);
});
