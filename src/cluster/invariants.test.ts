/** Each invariant, broken by hand: a state or a step that breaks it is refused by name. */
import { describe, expect, test } from 'vitest';
import { emptyState, TestLeader } from '../../test/contract/cluster-fixture.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import type { ClusterCommand } from './commands.ts';
import { checkState, checkTransition } from './invariants.ts';
import { reduce } from './reduce.ts';

describe('the invariants', () => {
  const good = (): ClusterState => {
    const leader = new TestLeader(2);
    leader.formOf('n1', 'n2');
    return leader.state;
  };
  const spoil = (state: ClusterState, spoiler: (draft: Draft) => void): ClusterState => {
    const draft = JSON.parse(JSON.stringify(state)) as Draft;
    spoiler(draft);
    return draft as unknown as ClusterState;
  };

  test('hold of a formed cluster and of an empty one', () => {
    checkState(good());
    checkState(emptyState());
  });

  test.each<[string, (draft: Draft) => void]>([
    ['a node id is listed once', (draft) => draft.nodes.push(draft.nodes[0])],
    ['a copy lies on a known node', (draft) => draft.nodes.pop()],
    ['there are as many shards as routing says', (draft) => draft.databases[0].shards.pop()],
    [
      'a shard identity is used once',
      (draft) => {
        draft.databases[0].shards[1].shardUid = draft.databases[0].shards[0].shardUid;
      },
    ],
    [
      'a copy id is used once',
      (draft) => {
        draft.databases[0].shards[1].copies = draft.databases[0].shards[0].copies;
      },
    ],
    [
      'a shard with a copy has a term',
      (draft) => {
        draft.databases[0].shards[0].term = 0;
      },
    ],
    [
      'the primary is in sync',
      (draft) => {
        draft.databases[0].shards[0].inSync = [];
      },
    ],
    [
      'a copy is in sync once',
      (draft) => {
        draft.databases[0].shards[0].inSync.push(draft.databases[0].shards[0].primary);
      },
    ],
    [
      'an in-sync copy is a copy of the shard',
      (draft) => {
        draft.databases[0].shards[0].inSync.push('e'.repeat(16));
      },
    ],
    [
      'a lost copy is not in sync',
      (draft) => {
        draft.databases[0].shards[0].copies[0].state = 'lost';
      },
    ],
    [
      'no two copies of a shard lie on one node',
      (draft) => {
        const { copies } = draft.databases[0].shards[0];
        copies.push({ ...copies[0], copyId: 'e'.repeat(16) });
      },
    ],
  ])('%s', (promise, spoiler) => {
    expect(() => checkState(spoil(good(), spoiler))).toThrow(promise);
  });

  test.each<[string, (draft: Draft) => void]>([
    ['each change is one version', (draft) => draft.version--],
    ['the leader epoch never falls', (draft) => draft.leaderEpoch--],
    ['the config version never falls', (draft) => draft.configVersion--],
    ['the schema version never falls', (draft) => draft.schema.version--],
    [
      'a cluster keeps its id',
      (draft) => {
        draft.clusterId = 'another';
      },
    ],
    ['the routing version never falls', (draft) => draft.databases[0].routing.routingVersion--],
    ['the number of shards changes only', (draft) => draft.databases[0].routing.numShards++],
    [
      'a shard is never forgotten',
      (draft) => {
        draft.databases[0].shards[0].shardUid = 'e'.repeat(16);
      },
    ],
    ['a term never falls', (draft) => draft.databases[0].shards[0].term--],
    [
      'a term has one primary',
      (draft) => {
        const [shard] = draft.databases[0].shards;
        shard.primary = 'e'.repeat(16);
      },
    ],
    [
      'a copy never changes its node',
      (draft) => {
        draft.databases[0].shards[0].copies[0].nodeId = 'n2';
      },
    ],
    [
      'a confirmed copy is never created again',
      (draft) => {
        draft.databases[0].shards[0].copies[0].state = 'initializing';
      },
    ],
    [
      'an only copy is never forgotten',
      (draft) => {
        const [shard] = draft.databases[0].shards;
        Object.assign(shard, { copies: [], primary: null, inSync: [] });
      },
    ],
    [
      'no node gets more copies than it may hold',
      (draft) => {
        const [first, second] = draft.databases[0].shards;
        second.copies[0].nodeId = first.copies[0].nodeId;
        draft.nodes[0].maxShards = 1;
      },
    ],
  ])('of a step: %s', (promise, spoiler) => {
    const before = good();
    const after = spoil({ ...before, version: before.version + 1 }, spoiler);
    expect(() => checkTransition(before, after, { kind: 'form' })).toThrow(promise);
  });

  test('a shard changes only as its table says', () => {
    const fresh = new TestLeader(1);
    fresh.join('n1');
    const copy = { copyId: 'e'.repeat(16), nodeId: 'n1', state: 'lost' };
    const after = spoil({ ...fresh.state, version: fresh.state.version + 1 }, (draft) => {
      Object.assign(draft.databases[0].shards[0], { term: 1, copies: [copy] });
    });
    expect(() => checkTransition(fresh.state, after, { kind: 'form' })).toThrow(
      'as its table says',
    );
  });

  test('are checked by every reduction', () => {
    const state = spoil(good(), (draft) => draft.nodes.push(draft.nodes[0]));
    const context = { now: 0, newId: () => 'f'.repeat(16) };
    const command: ClusterCommand = { kind: 'patch_node', nodeId: 'n1', maxShards: 3 };
    expect(() => reduce(state, command, context)).toThrow('invariant_broken');
    expect(() => reduce(state, { kind: 'nonsense' } as never, context)).toThrow('unexpected value');
  });
});

/** A state without its `readonly`, for spoiling. */
interface Draft {
  version: number;
  clusterId: string;
  leaderEpoch: number;
  configVersion: number;
  nodes: [{ maxShards?: number }, ...object[]];
  schema: { version: number };
  databases: [
    {
      routing: { routingVersion: number; numShards: number };
      shards: [DraftShard, DraftShard];
    },
  ];
}
interface DraftShard {
  shardUid: string;
  term: number;
  primary: string;
  inSync: string[];
  copies: [{ copyId: string; nodeId: string; state: string }, ...object[]];
}
