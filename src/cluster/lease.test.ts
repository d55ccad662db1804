/** The leader's book of leases: always later than the node's own count. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NodeStatus } from '../protocol/cluster-state.ts';
import {
  grantLease,
  type LeaseBook,
  type LeaseRequest,
  leaseRunning,
  leaseRunsOutAtMs,
  leaseSpanMs,
  openLeaseBook,
} from './lease.ts';

const INTERVAL_MS = 1_000;

const request = (more: Partial<LeaseRequest> = {}): LeaseRequest => ({
  nodeId: 'n1',
  incarnation: 'i1',
  status: 'healthy',
  healthCheckIntervalMs: INTERVAL_MS,
  leadershipEndsAtMs: Number.POSITIVE_INFINITY,
  nowMs: 10_000,
  ...more,
});

const book = (): LeaseBook => openLeaseBook(0, INTERVAL_MS);

describe('a lease', () => {
  // @req: coord.lease.longer
  test('is two health intervals for the node and a tenth more for the leader', () => {
    const granted = grantLease(book(), request());
    expect(granted.leaseMs).toBe(leaseSpanMs(INTERVAL_MS));
    expect(granted.leaseMs).toBe(2_000);
    expect(leaseRunsOutAtMs(granted.book, 'n1')).toBe(12_200);
    expect(leaseRunning(granted.book, 'n1', 12_199)).toBe(true);
    expect(leaseRunning(granted.book, 'n1', 12_200)).toBe(false);
  });

  // @req: coord.lease.unhealthy
  test.each([
    ['unhealthy', 0],
    ['dead', 0],
    ['unknown', 2_000],
    ['leaving', 2_000],
  ] as const)('is for a node that is %s: %d ms', (status: NodeStatus, leaseMs) => {
    const granted = grantLease(book(), request({ status }));
    expect(granted.leaseMs).toBe(leaseMs);
    expect(leaseRunning(granted.book, 'n1', 10_001)).toBe(leaseMs > 0);
  });

  test('never outlasts the leadership', () => {
    expect(grantLease(book(), request({ leadershipEndsAtMs: 10_700 })).leaseMs).toBe(700);
    expect(grantLease(book(), request({ leadershipEndsAtMs: 10_000 })).leaseMs).toBe(0);
    expect(grantLease(book(), request({ leadershipEndsAtMs: 9_000 })).leaseMs).toBe(0);
  });

  // @req: coord.lease.first-span
  test('of an earlier leader may run for one span after a start', () => {
    expect(leaseRunning(book(), 'n1', 2_199)).toBe(true);
    expect(leaseRunning(book(), 'n1', 2_200)).toBe(false);
  });

  test('is not hidden by a shorter one after the interval was lowered', () => {
    const long = grantLease(book(), request({ healthCheckIntervalMs: 30_000 })).book;
    const short = grantLease(long, request({ nowMs: 10_100 })).book;
    expect(leaseRunsOutAtMs(short, 'n1')).toBe(76_000);
  });

  test('that has run out is forgotten at the next grant', () => {
    const first = grantLease(book(), request({ nodeId: 'n2' })).book;
    const second = grantLease(first, request({ nowMs: 50_000 })).book;
    expect([...second.grants.keys()]).toEqual(['n1']);
  });

  test('ends on the leader after it ended on the node, whatever the delay of the request', () => {
    const times = fc.record({
      sentMs: fc.nat(100_000),
      delayMs: fc.nat(10_000),
      intervalMs: fc.integer({ min: 50, max: 60_000 }),
    });
    fc.assert(
      fc.property(times, ({ sentMs, delayMs, intervalMs }) => {
        const granted = grantLease(
          openLeaseBook(0, intervalMs),
          request({ nowMs: sentMs + delayMs, healthCheckIntervalMs: intervalMs }),
        );
        const nodeEndsAt = sentMs + granted.leaseMs;
        expect(leaseRunsOutAtMs(granted.book, 'n1')).toBeGreaterThan(nodeEndsAt);
      }),
    );
  });
});
