/** Deadlines on virtual time. */
import { expect, test } from 'vitest';
import { SimClock } from '../../test/simulation/sim-clock.ts';
import { deadlineIn, within } from './deadline.ts';

test('a deadline counts down on the monotonic clock and is never negative', async () => {
  const clock = new SimClock();
  const deadline = deadlineIn(clock, 100);
  clock.jumpWall(-3_600_000);
  await clock.run({ forMs: 60 });
  expect(deadline.remainingMs()).toBe(40);
  expect(deadline.expired()).toBe(false);
  deadline.check('nothing');
  await clock.run({ forMs: 50 });
  expect(deadline.remainingMs()).toBe(0);
  expect(deadline.expired()).toBe(true);
  expect(() => deadline.check('storing')).toThrow(/over while storing/);
});

test('work that is done in time has its own outcome, good or bad, and leaves no timer', async () => {
  const clock = new SimClock();
  const deadline = deadlineIn(clock, 100);
  await expect(within(clock, deadline, 'x', Promise.resolve(7))).resolves.toBe(7);
  await expect(within(clock, deadline, 'x', Promise.reject(new Error('own')))).rejects.toThrow(
    'own',
  );
  expect(clock.pending).toBe(0);
});

test('work that takes longer is given up with deadline_exceeded', async () => {
  const clock = new SimClock();
  const given = within(clock, deadlineIn(clock, 100), 'waiting', new Promise(() => {}));
  await expect(clock.settle(given)).rejects.toMatchObject({ code: 'deadline_exceeded' });
  expect(clock.monotonicMs()).toBe(100);
});
