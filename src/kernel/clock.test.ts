/** The machine's clock, and pauses that can be ended. */
import { expect, test } from 'vitest';
import { SimClock } from '../../test/simulation/sim-clock.ts';
import { isoTime, pause, systemClock } from './clock.ts';

test('a pause ends after its time', async () => {
  const clock = new SimClock();
  await clock.settle(pause(clock, 250));
  expect(clock.monotonicMs()).toBe(250);
});

test('a pause ends at once when its signal aborts, before or during it', async () => {
  const clock = new SimClock();
  const controller = new AbortController();
  const waiting = pause(clock, 60_000, controller.signal);
  controller.abort();
  await waiting;
  await pause(clock, 60_000, controller.signal);
  expect(clock.monotonicMs()).toBe(0);
  expect(clock.pending).toBe(0);
});

test('the system clock calls back once, unless it was called off', async () => {
  const seen: string[] = [];
  await new Promise<void>((resolve) => {
    systemClock.after(1, () => seen.push('off')).cancel();
    systemClock.soon(() => seen.push('soon'));
    systemClock.after(2, () => {
      seen.push('after');
      resolve();
    });
  });
  expect(seen).toEqual(['soon', 'after']);
  expect(systemClock.monotonicMs()).toBeGreaterThan(0);
});

// @req: http.json.time
test('points in time are ISO 8601 UTC with milliseconds', () => {
  expect(isoTime(0)).toBe('1970-01-01T00:00:00.000Z');
  expect(isoTime(1_700_000_000_123)).toBe('2023-11-14T22:13:20.123Z');
});
