/** What a leader remembers of nodes and never stores. */
import { beforeEach, expect, test } from 'vitest';
import { heldCopy, TestLeader } from '../../test/contract/cluster-fixture.ts';
import { SimClock } from '../../test/simulation/sim-clock.ts';
import { findNode } from '../cluster/state-access.ts';
import { NodeBook } from './node-book.ts';

let clock: SimClock;
let book: NodeBook;
const leader = new TestLeader(2);
leader.formOf('n1', 'n2');
const copy = heldCopy({ copyId: '00000000000000c1', shardUid: '00000000000000a1' });

beforeEach(() => {
  clock = new SimClock();
  book = new NodeBook(clock, 1_000);
});

// @req: coord.health.heartbeat
test('a report is a heartbeat, and no health check', () => {
  book.report('n1', [copy]);
  expect(book.view('n1')).toMatchObject({
    lastHeartbeatWallMs: clock.wallMs(),
    lastCheckWallMs: undefined,
    reachable: false,
  });
  book.probed('n1', true, 10_000);
  expect(book.view('n1')).toMatchObject({ lastCheckWallMs: clock.wallMs(), reachable: true });
});

// @req: coord.health.three, coord.health.dead, coord.recovery.noticed
test('three checks in a row that fail are a verdict, silence is death, one answer ends both', async () => {
  expect(book.probed('n1', true, 5_000)).toBe('healthy');
  expect(book.probed('n1', false, 5_000)).toBe('healthy');
  expect(book.probed('n1', false, 5_000)).toBe('healthy');
  expect(book.probed('n1', false, 5_000)).toBe('unhealthy');
  await clock.run({ forMs: 5_000 });
  expect(book.probed('n1', false, 5_000)).toBe('dead');
  expect(book.probed('n1', true, 5_000)).toBe('healthy');
});

test('a node whose last check failed is not live, though its status is still good', () => {
  for (const id of ['n1', 'n2']) book.probed(id, true, 5_000);
  book.probed('n2', false, 5_000);
  expect([...book.facts(leader.state).liveNodes]).toEqual(['n1']);
});

test('a new process starts with a clean sheet; the same one keeps its own', async () => {
  book.report('n1', [copy]);
  for (let check = 0; check < 3; check += 1) book.probed('n1', false, 5_000);
  await clock.run({ forMs: 3_000 });
  book.report('n1', [copy]);
  expect(book.view('n1').uptimeMs).toBe(3_000);
  book.report('n1', [], { started: true });
  expect(book.view('n1')).toMatchObject({ uptimeMs: 0, lastCheckWallMs: undefined });
  expect(book.facts(leader.state).reports.get('n1')).toEqual([]);
});

// @req: coord.lease.longer
test('a granted lease counts here for its span and a tenth more', async () => {
  await clock.run({ forMs: 2_200 });
  expect(book.leaseRunning('n1')).toBe(false);
  const node = findNode(leader.state, 'n1');
  expect(node && book.grant(node, 'i', 1_000)).toBe(2_000);
  await clock.run({ forMs: 2_199 });
  expect(book.leaseRunning('n1')).toBe(true);
  await clock.run({ forMs: 2 });
  expect(book.leaseRunning('n1')).toBe(false);
});

// @req: coord.lease.first-span
test('within the first span every lease may run; adopting a state begins it anew', async () => {
  expect(book.leaseRunning('anybody')).toBe(true);
  await clock.run({ forMs: 2_201 });
  expect(book.leaseRunning('anybody')).toBe(false);
  book.inherit(10_000);
  await clock.run({ forMs: 21_999 });
  expect(book.leaseRunning('anybody')).toBe(true);
});

test('a node that was forgotten leaves nothing behind', () => {
  book.report('n1', [copy]);
  book.forget('n1');
  expect(book.view('n1')).toMatchObject({ lastHeartbeatWallMs: undefined, uptimeMs: 0 });
});
