/** Events: numbered, oldest first, bounded, and followed live. */
import { expect, test } from 'vitest';
import { EVENTS_KEPT_MAX, EventLog } from './event-log.ts';

const filled = (count: number): EventLog => {
  const log = new EventLog();
  for (let number = 1; number <= count; number += 1) {
    log.add({ type: 'node_joined', nodeId: `n${number}` } as { type: string }, number);
  }
  return log;
};
const seqs = (log: EventLog, since: number): number[] =>
  log.since(since).events.map((event) => event.seq);

// @req: cluster.events.order, http.json.time
test('an event has a number, a time, its type, and its fields in snake_case', () => {
  const log = new EventLog();
  log.add({ type: 'shard_moved', shardId: 2, from: undefined } as { type: string }, 0);
  expect(log.since(0)).toEqual({
    events: [{ seq: 1, time: '1970-01-01T00:00:00.000Z', type: 'shard_moved', shard_id: 2 }],
    next: 1,
  });
});

// @req: cluster.events.since
test('since leaves out what was seen, and next says where to go on', () => {
  const log = filled(3);
  expect(seqs(log, 0)).toEqual([1, 2, 3]);
  const { next } = log.since(0);
  expect(log.since(next)).toEqual({ events: [], next: 3 });
  log.add({ type: 'node_left' }, 4);
  expect(seqs(log, next)).toEqual([4]);
});

test('a number from an earlier life of the coordinator hides nothing', () => {
  expect(seqs(filled(3), 500)).toEqual([1, 2, 3]);
});

// @req: cluster.events.kept
test('at least the last 1,000 are kept, and not without end', () => {
  const log = filled(EVENTS_KEPT_MAX * 2);
  const kept = seqs(log, 0);
  expect(kept.length).toBeGreaterThanOrEqual(1_000);
  expect(kept.length).toBeLessThanOrEqual(EVENTS_KEPT_MAX * 1.1);
  expect(kept.at(-1)).toBe(EVENTS_KEPT_MAX * 2);
  expect(kept).toEqual(kept.map((_, place) => (kept[0] ?? 0) + place));
  expect(seqs(log, (kept.at(-1) ?? 0) - 2)).toEqual(kept.slice(-2));
});

test('a follower sees each event once, until it goes', () => {
  const log = filled(1);
  const seen: number[] = [];
  const unfollow = log.follow((event) => seen.push(event.seq));
  log.add({ type: 'a' }, 0);
  log.add({ type: 'b' }, 0);
  unfollow();
  log.add({ type: 'c' }, 0);
  expect(seen).toEqual([2, 3]);
});
