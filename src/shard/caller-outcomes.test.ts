import { describe, expect, test } from 'vitest';
import { CALLER_OUTCOMES_MAX, CALLER_WINDOW_MS, CallerOutcomes } from './caller-outcomes.ts';

const outcome = (opId: string, recordedAtMs: number) => ({
  opId,
  recordedAtMs,
  fingerprint: `put ${opId}`,
  answer: '{}',
});

describe("outcomes under callers' keys", () => {
  // @req: shard.op-id.caller
  test('are found for ten minutes, by their own request only', () => {
    const outcomes = new CallerOutcomes();
    outcomes.remember(outcome('a', 1_000));
    const last = 1_000 + CALLER_WINDOW_MS;
    expect(outcomes.find('a', 'put a', last)).toMatchObject({ opId: 'a' });
    expect(() => outcomes.find('a', 'delete a', last)).toThrow('already stands for another write');
    expect(outcomes.find('b', 'put a', last)).toBeUndefined();
    expect(outcomes.find('a', 'another, long after', last + 1)).toBeUndefined();
    expect(outcomes.size).toBe(0);
  });

  // @req: shard.op-id.full
  test('are never forgotten early: a new key is refused while the window is full', () => {
    const outcomes = new CallerOutcomes();
    for (let at = 0; at < CALLER_OUTCOMES_MAX; at += 1) outcomes.remember(outcome(`k${at}`, at));
    expect(() => outcomes.checkRoom(CALLER_WINDOW_MS)).toThrow('takes no more');
    expect(outcomes.size).toBe(CALLER_OUTCOMES_MAX);
    outcomes.checkRoom(CALLER_WINDOW_MS + 1);
    expect(outcomes.size).toBe(CALLER_OUTCOMES_MAX - 1);
    expect(outcomes.get('k0')).toBeUndefined();
  });

  test('can be taken back, and the newest of one key counts', () => {
    const outcomes = new CallerOutcomes();
    outcomes.remember(outcome('a', 1));
    outcomes.remember(outcome('b', 2));
    outcomes.remember(outcome('a', 3));
    outcomes.forget(3);
    expect([outcomes.get('a')?.recordedAtMs, outcomes.size]).toEqual([3, 1]);
    outcomes.withdraw('a');
    expect(outcomes.size).toBe(0);
  });
});
