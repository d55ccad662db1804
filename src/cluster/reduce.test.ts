/** The reducer under random histories: pure, every invariant after every step, no data given up unasked. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { heldCopy, TestLeader } from '../../test/contract/cluster-fixture.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import type { ClusterCommand } from './commands.ts';
import { commandsOfReport } from './heartbeat.ts';
import { checkState } from './invariants.ts';
import { reduce } from './reduce.ts';
import { shardsOf } from './state-access.ts';

const NODES = ['n1', 'n2', 'n3', 'n4'];

/** One random step: numbers that pick a command and its arguments from the state as it is then. */
const step = fc.record({
  pick: fc.nat(18),
  node: fc.constantFrom(...NODES),
  number: fc.nat(7),
  yes: fc.boolean(),
  also: fc.boolean(),
});
type Step = ReturnType<typeof step.generate>['value'];

function commandsFor(leader: TestLeader, given: Step): readonly ClusterCommand[] {
  const { node, number, yes, also } = given;
  const { state } = leader;
  const shards = shardsOf(state);
  const shard = shards[number % shards.length] as (typeof shards)[number];
  const copyId = shard.primary ?? 'f'.repeat(16);
  const { shardUid, term } = shard;
  const id = { id: node, addr: `http://${node}:1`, directoryId: yes ? `dir-${node}` : 'other' };
  const held = also ? leader.held(node) : [heldCopy({ copyId, shardUid, term, fence: number })];
  const release = { shardUid, copyId, term, targetNodeId: node, reason: 'rebalance' } as const;
  const uids = shards.map((each) => each.shardUid);
  const verdict = (['healthy', 'unhealthy', 'dead'] as const)[number % 3] ?? 'dead';
  const holder = (['empty', 'data', 'in_doubt', 'unknown'] as const)[number % 4] ?? 'data';
  const all: readonly (readonly ClusterCommand[])[] = [
    [{ kind: 'leader_started', coordinatorId: 'c', recovered: yes }],
    [
      {
        kind: 'register_node',
        node: { ...id, incarnation: `${number}`, copies: held },
        leaseRunning: also,
      },
    ],
    [{ kind: 'register_node', node: { id: node, addr: 'http://x:1' }, leaseRunning: also }],
    [{ kind: 'node_verdict', nodeId: node, verdict }],
    [{ kind: 'node_verdict', nodeId: node, verdict: 'healthy' }],
    [{ kind: 'node_leaving', nodeId: node, emptyShards: yes ? uids : [] }],
    [{ kind: 'node_left', nodeId: node }],
    [{ kind: 'forget_node', nodeId: node, acceptDataLoss: yes, leaseRunning: also }],
    [{ kind: 'patch_node', nodeId: node, maxShards: number }],
    [{ kind: 'form' }],
    [{ kind: 'even_empty', reason: 'manual', emptyShards: yes ? uids : [shardUid] }],
    [{ kind: 'release_confirmed', ...release }],
    [{ kind: 'release_refused', shardUid, copyId, term }],
    [
      {
        kind: 'copy_confirmed',
        nodeId: node,
        copyIds: leader.held(node).map((copy) => copy.copyId),
      },
    ],
    [{ kind: 'refence', shardUid, copyId, fence: number }],
    [
      {
        kind: 'assign_shard',
        shardId: number,
        nodeId: yes ? node : undefined,
        isPrimary: true,
        acceptDataLoss: also,
        holder,
      },
    ],
    [
      {
        kind: 'set_config',
        config: { maxShardsPerNode: number + 1, replicationFactor: yes ? 1 : 2 },
      },
    ],
    [{ kind: 'recover_accept_missing', missing: [node] }],
    number === 0 ? [{ kind: 'reset' }] : commandsOfReport(state, node, held),
  ];
  return all[given.pick] ?? [];
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) frozen(part);
  }
  return value;
}

/** Copies that may hold data, by identity, with the shard they belong to. */
const holdings = (state: ClusterState): ReadonlyMap<string, string> =>
  new Map(
    shardsOf(state).flatMap(({ shardUid, copies }) =>
      copies
        .filter((copy) => copy.state !== 'initializing')
        .map((copy) => [copy.copyId, shardUid] as const),
    ),
  );

const givesUp = (command: ClusterCommand): boolean =>
  command.kind === 'reset' ||
  command.kind === 'release_confirmed' ||
  ('acceptDataLoss' in command && command.acceptDataLoss);

describe('whatever happens in whatever order', () => {
  // @req: state.invariants, state.one-primary, state.distinct-nodes, state.only-copy
  // @req: tests.properties
  test('the invariants hold, refusals change nothing, and no only copy is forgotten unasked', () => {
    const history = fc.record({
      shards: fc.integer({ min: 1, max: 6 }),
      steps: fc.array(step, { maxLength: 60 }),
    });
    fc.assert(
      fc.property(history, ({ shards, steps }) => {
        const leader = new TestLeader(shards);
        const primaries = new Map<string, string>();
        for (const given of steps) {
          for (const command of commandsFor(leader, given)) {
            const before = frozen(leader.state);
            try {
              leader.do(command);
            } catch (thrown) {
              expect(thrown).toBeInstanceOf(ToruaError);
              expect((thrown as ToruaError).code).not.toBe('invariant_broken');
              expect(leader.state).toBe(before);
            }
            if (leader.state !== before) checkState(leader.state);
            for (const [copyId, shardUid] of givesUp(command) ? [] : holdings(before)) {
              expect(holdings(leader.state).get(copyId)).toBe(shardUid);
            }
            for (const { shardUid, term, primary } of shardsOf(leader.state)) {
              const name = `${shardUid}/${term}`;
              if (primary !== null) expect(primaries.get(name) ?? primary).toBe(primary);
              if (primary !== null) primaries.set(name, primary);
            }
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  // @req: state.pure
  test('the same command on the same state gives the same answer', () => {
    const leader = new TestLeader(3);
    leader.formOf('n1', 'n2');
    const command: ClusterCommand = { kind: 'reset' };
    const answers = [1, 2].map(() => {
      let last = 100;
      const newId = (): string => (last++).toString(16).padStart(16, '0');
      return reduce(leader.state, command, { now: 5, newId });
    });
    expect(answers[0]).toEqual(answers[1]);
  });
});
