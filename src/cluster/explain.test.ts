/** Explanations name the reason and the next request. */
import { describe, expect, test } from 'vitest';
import { codeOf, TestLeader } from '../../test/contract/cluster-fixture.ts';
import { explainShard } from './explain.ts';
import { shardsOf } from './state-access.ts';

function formed(shards = 1): TestLeader {
  const leader = new TestLeader(shards);
  leader.formOf('n1');
  return leader;
}

test('an unknown shard is not found', () => {
  const leader = formed();
  expect(codeOf(() => explainShard(leader.state, 5, leader.facts()))).toBe('shard_not_found');
});

describe('nothing to do', () => {
  test('a shard that serves: where it is, why, and what each decider says of each node', () => {
    const leader = formed();
    leader.register('n2', { maxShards: 0 });
    leader.register('old', { directoryId: undefined });
    const explained = explainShard(leader.state, 0, leader.facts());
    expect(explained).toMatchObject({
      state: 'active',
      explanation: 'The shard has its place on node n1.',
      copies: [{ nodeId: 'n1', isPrimary: true, serves: true }],
      nextRequest: undefined,
    });
    expect(explained.copies[0]?.explanation).toContain('best place');
    const verdicts = explained.nodes.map(({ nodeId, decision, deciders }) => [
      nodeId,
      decision,
      deciders.filter(({ verdict }) => verdict === 'no').map(({ decider }) => decider),
    ]);
    expect(verdicts).toEqual([
      ['n1', 'holds_it', ['same_shard']],
      ['n2', 'no', ['node_status', 'capacity']],
      ['old', 'no', ['node_status', 'data_directory']],
    ]);
    for (const { deciders } of explained.nodes) {
      for (const { explanation } of deciders) expect(explanation).toMatch(/^The node .*\.$/);
    }
  });

  test('a shard that is being opened, created or released', () => {
    const leader = formed();
    const opening = leader.held('n1').map((copy) => ({ ...copy, state: 'opening' as const }));
    const facts = leader.facts({ reports: new Map([['n1', opening]]) });
    expect(explainShard(leader.state, 0, facts).copies[0]?.explanation).toContain('opening');
    const releasing = new Set([shardsOf(leader.state)[0]?.shardUid ?? '']);
    const moving = explainShard(leader.state, 0, leader.facts({ releasing }));
    expect(moving).toMatchObject({ state: 'moving', nextRequest: undefined });
    expect(moving.explanation).toContain('give it back');
    leader.do({ kind: 'reset' });
    const created = explainShard(leader.state, 0, leader.facts());
    expect(created.explanation).toContain('has not confirmed it');
    expect(created.copies[0]?.explanation).toContain('is creating');
  });
});

describe('something to do', () => {
  test('too few nodes: start more', () => {
    const leader = new TestLeader(1, { minNodes: 2 });
    leader.join('n1');
    const { explanation, nextRequest } = explainShard(leader.state, 0, leader.facts());
    expect(explanation).toContain('1 of 2');
    expect(nextRequest).toMatchObject({ method: 'GET', path: '/nodes' });
  });

  test('a node that does not answer: start it', () => {
    const leader = formed();
    const facts = leader.facts({ liveNodes: new Set() });
    const { copies, nextRequest } = explainShard(leader.state, 0, facts);
    expect(copies[0]?.explanation).toContain('does not answer');
    expect(nextRequest).toMatchObject({ method: 'GET', path: '/nodes/n1/info' });
  });

  test('a damaged copy: accept what is left', () => {
    const leader = formed();
    const inDoubt = leader.held('n1').map((copy) => ({ ...copy, state: 'in_doubt' as const }));
    const facts = leader.facts({ reports: new Map([['n1', inDoubt]]) });
    const { copies, nextRequest } = explainShard(leader.state, 0, facts);
    expect(copies[0]?.explanation).toContain('damaged');
    expect(nextRequest).toMatchObject({
      path: '/shards/assign',
      body: { shard_id: 0, node_id: 'n1', is_primary: true, accept_data_loss: true },
    });
  });

  test('a lost copy: bring it back or start empty', () => {
    const leader = formed();
    leader.register('n1', { incarnation: 'n1-2', copies: [] });
    const { explanation, copies, nextRequest } = explainShard(leader.state, 0, leader.facts());
    expect(explanation).toContain('never created anew');
    expect(copies[0]?.explanation).toContain('came back without');
    expect(nextRequest).toMatchObject({ method: 'POST', body: { accept_data_loss: true } });
    expect(nextRequest?.why).toContain('Bring the lost copy back to node n1');
  });

  test('a forgotten holder: start empty, on a node that can take it', () => {
    const leader = formed();
    leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'dead' });
    leader.do({ kind: 'forget_node', nodeId: 'n1', acceptDataLoss: true, leaseRunning: false });
    const alone = explainShard(leader.state, 0, leader.facts());
    expect(alone.explanation).toContain('was forgotten');
    expect(alone.nextRequest).toMatchObject({ method: 'GET', path: '/nodes' });
    leader.register('n2');
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'healthy' });
    const { nextRequest, nodes } = explainShard(leader.state, 0, leader.facts());
    expect(nextRequest).toMatchObject({ body: { node_id: 'n2', accept_data_loss: true } });
    expect(nodes[0]?.decision).toBe('yes');
  });

  test('a shard no node had room for: nothing is given up by assigning it', () => {
    const leader = new TestLeader(2, { maxShardsPerNode: 1 });
    leader.formOf('n1');
    const full = explainShard(leader.state, 1, leader.facts());
    expect(full.explanation).toContain('never assigned');
    expect(full.nextRequest?.why).toContain('max_shards');
    leader.register('n2');
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'healthy' });
    const { nextRequest } = explainShard(leader.state, 1, leader.facts());
    expect(nextRequest?.body).toEqual({ shard_id: 1, node_id: 'n2', is_primary: true });
  });
});
