/** Virtual time: what runs when, and what a seed decides. */
import { expect, test } from 'vitest';
import { pause } from '../../src/kernel/clock.ts';
import { SimClock } from './sim-clock.ts';
import { simRandom } from './sim-random.ts';

test('timers run in the order of their time, soon tasks before them, and time jumps', async () => {
  const clock = new SimClock();
  const ran: string[] = [];
  clock.after(50, () => ran.push(`late ${clock.monotonicMs()}`));
  clock.after(10, () => {
    ran.push(`early ${clock.monotonicMs()}`);
    clock.soon(() => ran.push(`soon ${clock.monotonicMs()}`));
  });
  clock.after(5, () => ran.push('cancelled')).cancel();
  clock.soon(() => ran.push('first'));
  expect(await clock.run()).toBe(true);
  expect(ran).toEqual(['first', 'early 10', 'soon 10', 'late 50']);
  expect(clock.pending).toBe(0);
});

test('run stops at its time, and at once when it is done', async () => {
  const clock = new SimClock({ wallMs: 1_000 });
  let ran = 0;
  const again = (): void => {
    ran += 1;
    clock.after(10, again);
  };
  again();
  await clock.run({ forMs: 35 });
  expect([ran, clock.monotonicMs(), clock.wallMs()]).toEqual([4, 35, 1_035]);
  expect(await clock.run({ isDone: () => ran === 6 })).toBe(true);
  expect(clock.monotonicMs()).toBe(50);
  clock.clear();
  expect(await clock.run({ isDone: () => false })).toBe(false);
});

test('the wall clock jumps, monotonic time does not', () => {
  const clock = new SimClock({ wallMs: 5_000 });
  clock.jumpWall(-3_000);
  expect([clock.wallMs(), clock.monotonicMs()]).toEqual([2_000, 0]);
});

test('promises between timers run to their end', async () => {
  const clock = new SimClock();
  const work = async (): Promise<number> => {
    for (let round = 0; round < 5; round += 1) await pause(clock, 100);
    return clock.monotonicMs();
  };
  expect(await clock.settle(work())).toBe(500);
  await expect(clock.settle(new Promise(() => {}))).rejects.toThrow('stands still');
});

test('timers of one instant run in an order that the seed decides', async () => {
  const order = async (seed: number): Promise<string> => {
    const clock = new SimClock({ random: simRandom(seed) });
    const ran: number[] = [];
    for (let at = 0; at < 6; at += 1) clock.after(10, () => ran.push(at));
    await clock.run();
    return ran.join('');
  };
  const orders = await Promise.all([1, 2, 3, 4, 5].map(order));
  expect(new Set(orders).size).toBeGreaterThan(1);
  expect(await order(3)).toBe(orders[2]);
});
