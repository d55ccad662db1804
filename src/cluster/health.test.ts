/** Health checks: three failures, one success, DEAD_AFTER. */
import { expect, test } from 'vitest';
import { type NodeHealth, observeProbe, unprobed } from './health.ts';

const DEAD_AFTER_MS = 10_000;

const play = (probes: readonly (readonly [nowMs: number, answered: boolean])[]): NodeHealth =>
  probes.reduce(
    (health, [nowMs, answered]) =>
      observeProbe(health, { nowMs, answered, deadAfterMs: DEAD_AFTER_MS }),
    unprobed(0),
  );

test.each([
  ['nothing is said before the first probe', [], undefined],
  ['one answer is healthy', [[1_000, true]], 'healthy'],
  [
    'two failures say nothing new',
    [
      [1_000, true],
      [2_000, false],
      [3_000, false],
    ],
    'healthy',
  ],
  [
    'the third failure in a row is unhealthy',
    [
      [1_000, true],
      [2_000, false],
      [3_000, false],
      [4_000, false],
    ],
    'unhealthy',
  ],
  [
    'an answer between failures starts the count anew',
    [
      [1_000, false],
      [2_000, false],
      [3_000, true],
      [4_000, false],
      [5_000, false],
    ],
    'healthy',
  ],
  [
    'one answer recovers a dead node',
    [
      [11_000, false],
      [12_000, false],
      [13_000, false],
      [14_000, true],
    ],
    'healthy',
  ],
  [
    'silence since the last answer for DEAD_AFTER is dead',
    [
      [1_000, true],
      [2_000, false],
      [3_000, false],
      [11_000, false],
    ],
    'dead',
  ],
  [
    'a node that never answered dies too',
    [
      [4_000, false],
      [8_000, false],
      [10_000, false],
    ],
    'dead',
  ],
  [
    'a leader that slept for a minute declares nobody dead by that',
    [
      [1_000, true],
      [61_000, false],
    ],
    'healthy',
  ],
] as const)('%s', (_promise, probes, verdict) => {
  expect(play(probes).verdict).toBe(verdict);
});

test('the moment of the last probe is kept for GET /nodes', () => {
  expect(unprobed(5).lastProbeMs).toBeUndefined();
  expect(play([[7, true]]).lastProbeMs).toBe(7);
  expect(play([[9, false]]).lastProbeMs).toBe(9);
});
