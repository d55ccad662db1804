import { expect, test } from 'vitest';
import type { Clock } from '../kernel/clock.ts';
import { createIdleWatch, type Watched } from './idle-watch.ts';

/** A clock whose only timer rings when the test says so. */
function handClock(): Clock & { advance(ms: number): void; readonly timers: number } {
  let nowMs = 0;
  let tasks: { atMs: number; task: () => void }[] = [];
  return {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    soon: (task) => task(),
    after: (delayMs, task) => {
      tasks.push({ atMs: nowMs + delayMs, task });
      return { cancel: () => {} };
    },
    advance: (ms) => {
      nowMs += ms;
      const due = tasks.filter(({ atMs }) => atMs <= nowMs);
      tasks = tasks.filter(({ atMs }) => atMs > nowMs);
      for (const { task } of due) task();
    },
    get timers() {
      return tasks.length;
    },
  };
}

function subject(): Watched & { bytes: number; client: boolean; givenUp: number } {
  return {
    bytes: 0,
    client: true,
    givenUp: 0,
    progress() {
      return this.bytes;
    },
    waitsForClient() {
      return this.client;
    },
    giveUp() {
      this.givenUp += 1;
    },
  };
}

function run(clock: ReturnType<typeof handClock>, totalMs: number, step: () => void): void {
  for (let passed = 0; passed < totalMs; passed += 100) {
    step();
    clock.advance(100);
  }
}

test('what does not move is given up once, soon after its time', () => {
  const clock = handClock();
  const watch = createIdleWatch(clock, 800);
  const still = subject();
  watch.add(still);
  run(clock, 800, () => {});
  expect(still.givenUp).toBe(0);
  run(clock, 5_000, () => {});
  expect(still.givenUp).toBe(1);
  expect(clock.timers).toBe(0);
});

test('what moves a little all the time is never given up, nor what waits for somebody else', () => {
  const clock = handClock();
  const watch = createIdleWatch(clock, 800);
  const slow = subject();
  const behindUs = subject();
  behindUs.client = false;
  watch.add(slow);
  watch.add(behindUs);
  run(clock, 20_000, () => {
    slow.bytes += 1;
  });
  expect([slow.givenUp, behindUs.givenUp]).toEqual([0, 0]);
  behindUs.client = true;
  run(clock, 2_000, () => {});
  expect([slow.givenUp, behindUs.givenUp]).toEqual([1, 1]);
});

test('what was taken out is left alone, and nobody sweeps when there is nothing to watch', () => {
  const clock = handClock();
  const watch = createIdleWatch(clock, 800);
  const done = subject();
  watch.add(done);
  watch.remove(done);
  run(clock, 3_000, () => {});
  expect([done.givenUp, clock.timers]).toEqual([0, 0]);
  const later = subject();
  watch.add(later);
  run(clock, 3_000, () => {});
  expect(later.givenUp).toBe(1);
});
