import { expect, test } from 'vitest';
import { type Clock, systemClock } from './clock.ts';
import { createHybridClock } from './hybrid-clock.ts';

function clockAt(state: { wallMs: number }): Clock {
  return { ...systemClock, wallMs: () => state.wallMs };
}

// @req: log.hybrid-time
test('hybrid time follows the wall clock forward and never goes back with it', () => {
  const wall = { wallMs: 1_000.7 };
  const hybrid = createHybridClock(clockAt(wall));
  expect(hybrid.now()).toBe(1_000);
  wall.wallMs = 2_000;
  expect(hybrid.now()).toBe(2_000);
  wall.wallMs = 500;
  expect(hybrid.now()).toBe(2_000);
});

test('an observed time raises hybrid time and a lower one changes nothing', () => {
  const hybrid = createHybridClock(clockAt({ wallMs: 1_000 }));
  hybrid.observe(5_000);
  hybrid.observe(3_000);
  expect(hybrid.now()).toBe(5_000);
});
