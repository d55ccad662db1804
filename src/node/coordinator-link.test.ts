/** The link to the coordinator: registering, asking for the lease, missed pushes, other coordinators, the end. */
import { beforeEach, describe, expect, test } from 'vitest';
import { emptyState } from '../../test/contract/cluster-fixture.ts';
import { bodyOf, message, problem, ScriptedWire } from '../../test/rooms/scripted-wire.ts';
import { SimClock } from '../../test/simulation/sim-clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import { silentLogger } from '../kernel/logger.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import {
  type HeartbeatAnswer,
  heartbeatAnswerSchema,
  INTERNAL_PATHS,
  leavingAnswerSchema,
  type RegisterAnswer,
  registerAnswerSchema,
  registerRequestSchema,
} from '../protocol/messages.ts';
import type { WireAnswer, WireRequest } from '../transport/wire.ts';
import { CoordinatorLink } from './coordinator-link.ts';
import { Lease } from './lease.ts';

const [FIRST, SECOND] = ['http://c1:1', 'http://c2:1'];
const state: ClusterState = { ...emptyState(2), version: 5, leaderEpoch: 2 };

let clock: SimClock;
let wire: ScriptedWire;
let lease: Lease;
let known: { version: number; leaderEpoch: number };
let link: CoordinatorLink;
let taken: number[];
let heartbeat: Partial<HeartbeatAnswer> | ToruaError;
let registration: Partial<RegisterAnswer> | ToruaError;

beforeEach(() => {
  clock = new SimClock();
  wire = new ScriptedWire();
  lease = new Lease(clock);
  known = { version: -1, leaderEpoch: 0 };
  taken = [];
  heartbeat = {};
  registration = {};
  wire.peers.set(FIRST, coordinator);
  link = linkTo([FIRST]);
});

function linkTo(coordinators: string[]): CoordinatorLink {
  return new CoordinatorLink({
    clock,
    wire,
    logger: silentLogger,
    lease,
    coordinators,
    self: () => ({ id: 'n1', addr: 'http://n1:1', incarnation: 'i', copies: [] }),
    healthIntervalMs: () => 1_000,
    known: () => known,
    onState: async ({ version, leaderEpoch }) => {
      taken.push(version);
      known = { version, leaderEpoch };
    },
    load: () => undefined,
  });
}

function coordinator({ path }: WireRequest): WireAnswer {
  const scripted = path === INTERNAL_PATHS.register ? registration : heartbeat;
  if (scripted instanceof ToruaError) return problem(scripted);
  if (path === INTERNAL_PATHS.leaving) return message(leavingAnswerSchema, { state: 'draining' });
  const base = { leaseMs: 2_000, formation: undefined };
  if (path === INTERNAL_PATHS.heartbeat) {
    const versions = { stateVersion: known.version, configVersion: 1, leaderEpoch: 2 };
    return message(heartbeatAnswerSchema, { ...base, ...versions, ...(heartbeat as object) });
  }
  return message(registerAnswerSchema, {
    ...base,
    nodeId: 'n1',
    clusterId: state.clusterId,
    shards: [],
    config: state.config,
    state,
    ...(registration as object),
  });
}

async function runFor(forMs: number): Promise<void> {
  const running = link.run();
  await clock.run({ forMs });
  link.stop();
  await clock.run({ forMs: 10 });
  await running;
}

test('a node registers, takes the state, and asks for its lease every half interval', async () => {
  await runFor(2_100);
  expect(taken).toEqual([5]);
  expect(wire.sent.map(({ path }) => path)).toEqual([
    INTERNAL_PATHS.register,
    ...Array(4).fill(INTERNAL_PATHS.heartbeat),
  ]);
  const [request] = wire.sent;
  expect(request && bodyOf(registerRequestSchema, request)).toMatchObject({
    node: { id: 'n1', protocolVersion: 1 },
  });
  expect(link.status).toMatchObject({ url: FIRST, connected: true, failovers: 0 });
  expect(lease.held).toBe(true);
});

// @req: node.lease.registers
test('a node that is refused, or finds nobody, keeps trying and says why', async () => {
  registration = new ToruaError('node_id_in_use', 'Somebody else is n1.');
  await runFor(5_000);
  expect(wire.count(INTERNAL_PATHS.register)).toBeGreaterThan(6);
  expect(wire.count(INTERNAL_PATHS.register)).toBeLessThan(20);
  expect(link.status).toMatchObject({ connected: false, problem: 'Somebody else is n1.' });
});

// @req: coord.heartbeat.unknown
test('a node that the coordinator does not know registers again, and keeps its lease meanwhile', async () => {
  const running = link.run();
  await clock.run({ forMs: 400 });
  heartbeat = new ToruaError('node_not_found', 'unknown');
  await clock.run({ forMs: 300 });
  expect(wire.count(INTERNAL_PATHS.register)).toBe(2);
  expect(lease.held).toBe(true);
  link.stop();
  await clock.run({ forMs: 10 });
  await running;
});

// @req: state.incarnation
test('a node whose id was taken over gives its lease up at once', async () => {
  const running = link.run();
  await clock.run({ forMs: 400 });
  expect(lease.held).toBe(true);
  registration = new ToruaError('node_id_in_use', 'taken');
  heartbeat = registration;
  await clock.run({ forMs: 200 });
  expect(lease.held).toBe(false);
  link.stop();
  await clock.run({ forMs: 10 });
  await running;
});

test('a node that missed a push fetches the state by registering', async () => {
  heartbeat = { stateVersion: 9 };
  registration = { state: { ...state, version: 9 } };
  known = { version: 4, leaderEpoch: 2 };
  const running = link.run();
  await clock.run({ forMs: 600 });
  known = { version: 8, leaderEpoch: 2 };
  await clock.run({ forMs: 600 });
  expect(taken).toEqual([9, 9]);
  link.stop();
  await clock.run({ forMs: 10 });
  await running;
});

// @req: node.fence.epoch
test('a coordinator of an older epoch grants nothing', async () => {
  registration = { leaseMs: 0, state: undefined };
  known = { version: 5, leaderEpoch: 3 };
  await runFor(550);
  expect(lease.held).toBe(false);
  expect(link.status.problem).toContain('leads epoch 2, this node follows 3');
});

describe('with several coordinators', () => {
  test('a node goes to the next one when one does not answer, and counts it', async () => {
    wire.peers.delete(FIRST);
    wire.peers.set(SECOND, coordinator);
    link = linkTo([FIRST, SECOND]);
    await runFor(1_000);
    expect(link.status).toMatchObject({ url: SECOND, connected: true, failovers: 1 });
  });
});

describe('a node that leaves', () => {
  const leave = (budgetMs = 10_000) => clock.settle(link.leaving(deadlineIn(clock, budgetMs)));

  test('never registers again, though its heartbeats are refused', async () => {
    const running = link.run();
    await clock.run({ forMs: 100 });
    expect(await leave()).toBe('draining');
    heartbeat = new ToruaError('node_not_found', 'gone');
    await clock.run({ forMs: 5_000 });
    expect(wire.count(INTERNAL_PATHS.register)).toBe(1);
    link.stop();
    await clock.run({ forMs: 10 });
    await running;
  });

  test('does not wait longer than two seconds for a coordinator that hangs', async () => {
    wire.peers.set(FIRST, (_request, deadline) => {
      return new Promise((_resolve, reject) => {
        const late = (): void => reject(new ToruaError('deadline_exceeded', 'late'));
        clock.after(deadline.remainingMs(), late);
      });
    });
    await expect(leave()).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(clock.monotonicMs()).toBe(2_000);
  });
});
