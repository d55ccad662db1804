/** From a key to the copy that serves it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TestLeader } from '../../test/contract/cluster-fixture.ts';
import { buildRoutingTable, placeOfKey } from './routing.ts';

// Golden values of the REST contract, section 2.
const GOLDEN = [
  ['greeting', 2],
  ['key1', 3],
  ['key2', 2],
  ['key3', 1],
  ['key4', 0],
  ['important', 1],
  ['数字', 3],
  ['path/to/resource', 3],
  ['key-with-spaces here', 1],
  ['traceable', 2],
] as const;

describe('routing', () => {
  const leader = new TestLeader(4, { minNodes: 2 });
  leader.formOf('n1', 'n2');
  const table = buildRoutingTable(leader.state);

  test.each(GOLDEN)('%s belongs to shard %d of 4', (key, shardId) => {
    expect(placeOfKey(table, key).shardId).toBe(shardId);
  });

  // @req: tests.properties, state.routing
  test('sends every key to the shard of its FNV-1a hash, whatever the number of shards', () => {
    const hash = (key: string): bigint =>
      [...Buffer.from(key)].reduce(
        (sum, byte) => BigInt.asUintN(32, (sum ^ BigInt(byte)) * 16_777_619n),
        2_166_136_261n,
      );
    const tables = [1, 3, 4, 64].map((numShards) => {
      const formed = new TestLeader(numShards);
      formed.formOf('n1');
      return buildRoutingTable(formed.state);
    });
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom(...tables), (key, any) => {
        const { shardId, target } = placeOfKey(any, key);
        expect(shardId).toBe(Number(hash(key) % BigInt(any.numShards)));
        expect(target?.nodeId).toBe('n1');
      }),
    );
  });

  // @req: state.routing
  test('names copy, term, node and address, and the versions a request carries', () => {
    expect(placeOfKey(table, 'key4')).toMatchObject({
      stage: 'active',
      target: { term: 1, nodeId: 'n1', addr: 'http://n1:1' },
    });
    expect(table).toMatchObject({
      stateVersion: leader.state.version,
      leaderEpoch: 0,
      routingVersion: 1,
      schemaVersion: 0,
      numShards: 4,
    });
  });

  test('has no target for a shard that nobody confirmed, that is lost, or that has no place', () => {
    const young = new TestLeader(1);
    const stageAndTarget = (): unknown => {
      const { stage, target } = placeOfKey(buildRoutingTable(young.state), 'k');
      return [stage, target?.nodeId];
    };
    expect(stageAndTarget()).toEqual(['unassigned', undefined]);
    young.join('n1');
    young.do({ kind: 'form' });
    expect(stageAndTarget()).toEqual(['initializing', undefined]);
    young.confirmAll();
    expect(stageAndTarget()).toEqual(['active', 'n1']);
    young.register('n1', { incarnation: 'n1-2', copies: [] });
    expect(stageAndTarget()).toEqual(['lost', undefined]);
  });
});
