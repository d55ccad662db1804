/** What a coordinator without a disk takes from its nodes, and for whom it waits. */
import { expect, test } from 'vitest';
import { codeOf, emptyState, TestLeader } from '../../test/contract/cluster-fixture.ts';
import { missingNodes, newestState } from './recovery.ts';

const offer = (nodeId: string, leaderEpoch: number, version: number, clusterId = 'cluster-1') => ({
  nodeId,
  state: { ...emptyState(), clusterId, leaderEpoch, version },
});

test('the newest state is the one of the highest leader epoch, then of the highest version', () => {
  const offers = [offer('a', 1, 90), offer('b', 2, 10), offer('c', 2, 11), offer('d', 2, 9)];
  expect(newestState(offers)).toMatchObject({ leaderEpoch: 2, version: 11 });
  expect(newestState([])).toBeUndefined();
});

test('nodes of two clusters are refused with both names', () => {
  const offers = [offer('a', 1, 1), offer('b', 1, 1, 'cluster-2')];
  expect(codeOf(() => newestState(offers))).toBe('wrong_cluster');
  expect(() => newestState(offers)).toThrow('cluster-2');
});

test('every node with a data directory is waited for', () => {
  const leader = new TestLeader(1);
  leader.register('n2');
  leader.register('n1');
  leader.register('old', { directoryId: undefined });
  expect(missingNodes(leader.state, new Set())).toEqual(['n1', 'n2']);
  expect(missingNodes(leader.state, new Set(['n2']))).toEqual(['n1']);
  expect(missingNodes(leader.state, new Set(['n1', 'n2']))).toEqual([]);
});
