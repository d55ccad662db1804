/** The lease: counted from the moment the request was sent, compared with the clock each time. */
import { beforeEach, expect, test } from 'vitest';
import { SimClock } from '../../test/simulation/sim-clock.ts';
import { Lease } from './lease.ts';

let clock: SimClock;
let lease: Lease;

beforeEach(() => {
  clock = new SimClock();
  lease = new Lease(clock);
});

test('there is none before the first grant', () => {
  expect(lease.held).toBe(false);
  expect(() => lease.check()).toThrow(expect.objectContaining({ code: 'no_lease' }));
});

// @req: node.lease.from-sent
test('it runs from the moment the request was sent, however late the answer came', async () => {
  const sentAtMs = clock.monotonicMs();
  await clock.run({ forMs: 700 });
  lease.grant(sentAtMs, 1_000);
  await clock.run({ forMs: 299 });
  expect(lease.held).toBe(true);
  await clock.run({ forMs: 1 });
  expect(lease.held).toBe(false);
});

test('an answer that overtook another does not shorten it, and none of 0 ms is one', async () => {
  lease.grant(500, 1_000);
  lease.grant(0, 1_000);
  lease.grant(2_000, 0);
  await clock.run({ forMs: 1_499 });
  expect(lease.held).toBe(true);
  await clock.run({ forMs: 1 });
  expect(lease.held).toBe(false);
});

test('the wall clock has no say in it', () => {
  lease.grant(0, 1_000);
  clock.jumpWall(86_400_000);
  expect(lease.held).toBe(true);
});

test('it can be given up at once', () => {
  lease.grant(0, 1_000);
  lease.drop();
  expect(lease.held).toBe(false);
});
