/** When a node is ready, and what it says when it is not. */
import { expect, test } from 'vitest';
import { TestLeader } from '../../test/contract/cluster-fixture.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import type { LinkStatus } from './coordinator-link.ts';
import { readinessOf } from './readiness.ts';

const leader = new TestLeader(2, { minNodes: 1 });
const unformed = leader.state;
leader.formOf('n1');
const formed = leader.state;

const of = (link: Partial<LinkStatus>, current: ClusterState | undefined, ready = true) =>
  readinessOf({
    link: {
      status: {
        url: 'http://c:1',
        connected: true,
        failovers: 0,
        problem: undefined,
        formation: undefined,
        ...link,
      },
    },
    stored: { current },
    copies: { ready },
  });

// @req: http.readyz.node
test('a node is ready when it is registered, the cluster formed and every copy open', () => {
  expect(of({}, formed)).toBeUndefined();
  expect(of({}, formed, false)?.code).toBe('shard_opening');
});

// @req: http.readyz.waiting
test.each([
  ['no state', undefined],
  ['a state without any assignment', unformed],
])('before the first assignment it waits, with %s, and says for how many', (_which, current) => {
  expect(of({ formation: { nodes: 1, minNodes: 3 } }, current)).toMatchObject({
    code: 'waiting_for_assignment',
    fields: { nodes: 1, min_nodes: 3 },
  });
});

test('a node that is not registered says why', () => {
  expect(of({ connected: false, problem: 'No answer.' }, formed)).toMatchObject({
    code: 'waiting_for_assignment',
    detail: 'This node is not registered: No answer.',
  });
});
