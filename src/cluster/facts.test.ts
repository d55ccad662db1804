/** What reports and silence mean for the shards. */
import { describe, expect, test } from 'vitest';
import { codeOf, TestLeader } from '../../test/contract/cluster-fixture.ts';
import type { HeldCopy } from '../protocol/messages.ts';
import { bytesByShard, emptyShards, holderReport, type VolatileFacts } from './facts.ts';
import { commandsOfReport, newlyKeptAside, requireSender } from './heartbeat.ts';
import { shardsOf } from './state-access.ts';

function formed(): TestLeader {
  const leader = new TestLeader(1);
  leader.formOf('n1');
  return leader;
}

/** Facts in which the only copy is reported with these fields. */
function reported(leader: TestLeader, more: Partial<HeldCopy>): VolatileFacts {
  const copies = leader.held('n1').map((copy) => ({ ...copy, ...more }));
  return leader.facts({ reports: new Map([['n1', copies]]) });
}

const silent = { liveNodes: new Set<string>() };

describe('an empty shard', () => {
  test.each<[string, Partial<HeldCopy>, number]>([
    ['is what its live holder calls empty', {}, 1],
    ['is not one that holds a record', { empty: false }, 0],
    ['is not one that says nothing', { empty: undefined }, 0],
    ['is not one that is fenced above its term', { fence: 2 }, 0],
  ])('%s', (_promise, more, count) => {
    const leader = formed();
    expect(emptyShards(leader.state, reported(leader, more))).toHaveLength(count);
  });

  test('is not one whose holder is silent, unheard, or already asked to release it', () => {
    const leader = formed();
    const { state } = leader;
    const releasing = new Set(shardsOf(state).map(({ shardUid }) => shardUid));
    expect(emptyShards(state, leader.facts(silent))).toEqual([]);
    expect(emptyShards(state, leader.facts({ reports: new Map() }))).toEqual([]);
    expect(emptyShards(state, leader.facts({ releasing }))).toEqual([]);
    expect(emptyShards(new TestLeader(1).state, leader.facts())).toEqual([]);
  });
});

describe('the holder’s report', () => {
  test.each<[string, Partial<HeldCopy>]>([
    ['empty', {}],
    ['data', { empty: false }],
    ['in_doubt', { state: 'in_doubt' }],
  ])('%s', (word, more) => {
    const leader = formed();
    expect(holderReport(leader.state, 0, reported(leader, more))).toBe(word);
  });

  test('is unknown without a holder, an answer or a report', () => {
    const leader = formed();
    expect(holderReport(leader.state, 0, leader.facts(silent))).toBe('unknown');
    expect(holderReport(leader.state, 0, leader.facts({ reports: new Map() }))).toBe('unknown');
    expect(holderReport(new TestLeader(1).state, 0, leader.facts())).toBe('unknown');
    expect(codeOf(() => holderReport(leader.state, 7, leader.facts()))).toBe('shard_not_found');
  });

  test('gives the bytes, as far as they are known', () => {
    const leader = formed();
    const uid = shardsOf(leader.state)[0]?.shardUid;
    expect([...bytesByShard(leader.state, reported(leader, { bytes: 9 }))]).toEqual([[uid, 9]]);
    expect([...bytesByShard(leader.state, leader.facts())]).toEqual([]);
    expect([...bytesByShard(new TestLeader(1).state, leader.facts())]).toEqual([]);
  });
});

describe('a heartbeat', () => {
  // @req: state.incarnation
  test('is taken from the registered process only', () => {
    const leader = formed();
    const ask = (nodeId: string, incarnation: string) =>
      requireSender(leader.state, { nodeId, incarnation });
    expect(ask('n1', 'n1-1').id).toBe('n1');
    expect(codeOf(() => ask('n9', 'n1-1'))).toBe('node_not_found');
    leader.register('n1', { incarnation: 'n1-2' });
    expect(codeOf(() => ask('n1', 'n1-1'))).toBe('node_id_in_use');
  });

  test('confirms new copies, reports fences, and is silent otherwise', () => {
    const leader = new TestLeader(1);
    leader.join('n1');
    leader.do({ kind: 'form' });
    const { shardUid, primary } = shardsOf(leader.state)[0] as ReturnType<typeof shardsOf>[0];
    const held = leader.held('n1');
    expect(commandsOfReport(leader.state, 'n1', held)).toEqual([
      { kind: 'copy_confirmed', nodeId: 'n1', copyIds: [primary] },
    ]);
    leader.confirmAll();
    expect(commandsOfReport(leader.state, 'n1', held)).toEqual([]);
    expect(commandsOfReport(leader.state, 'n1', [])).toEqual([]);
    expect(commandsOfReport(leader.state, 'n2', held)).toEqual([]);
    const fenced = held.map((copy) => ({ ...copy, fence: 3 }));
    expect(commandsOfReport(leader.state, 'n1', fenced)).toEqual([
      { kind: 'refence', shardUid, copyId: primary, fence: 3 },
    ]);
    leader.register('n1', { incarnation: 'n1-2', copies: [] });
    expect(commandsOfReport(leader.state, 'n1', fenced)).toEqual([]);
  });

  // @req: shard.apply.aside
  test('tells of each record that is kept aside once', () => {
    const leader = formed();
    const [first] = leader.held('n1') as [HeldCopy];
    const told = (before: HeldCopy[], now: HeldCopy[]) =>
      newlyKeptAside(leader.state, 'n1', { before, now });
    const one = { ...first, keptAside: [7] };
    const two = { ...first, keptAside: [7, 9] };
    const event = { type: 'record_kept_aside', shardId: 0, nodeId: 'n1' };
    expect(told([], [first])).toEqual([]);
    expect(told([first], [one])).toEqual([{ ...event, recordSeq: 7 }]);
    expect(told([one], [two])).toEqual([{ ...event, recordSeq: 9 }]);
    expect(told([two], [two])).toEqual([]);
    expect(told([], [{ ...one, copyId: 'ffffffffffffffff' as HeldCopy['copyId'] }])).toEqual([]);
  });
});
