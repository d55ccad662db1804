/** Steps about nodes: asked directly, registered by hand, chosen by what they hold. */
import { strict as assert } from 'node:assert';
import { type DataTable, Given, Then, When } from '@cucumber/cucumber';
import type { Call } from '../../src/client/call.ts';
import { valueAt } from '../../src/testing/json-path.ts';
import { eventually } from '../../src/testing/testing.ts';
import type { FeatureWorld } from './feature-world.ts';
import { PretendNode } from './pretend-node.ts';

/** Time for a change of a node to be noticed, in milliseconds. */
const NOTICE_MS_MAX = 15_000;

When(
  'I send {word} {string} to the node {string}',
  async function (this: FeatureWorld, method: string, path: string, nodeId: string) {
    await this.sendToNode(this.recall(nodeId), { method: method as Call['method'], path });
  },
);

When(
  'I send {word} {string} with {string} to the node {string}',
  async function (this: FeatureWorld, method: string, path: string, body: string, nodeId: string) {
    const call = { method: method as Call['method'], path, body: this.recall(body) };
    await this.sendToNode(this.recall(nodeId), call);
  },
);

When(
  'I send PUT of {string} with {string} to the node that holds it',
  async function (this: FeatureWorld, key: string, body: string) {
    const { shardId, nodeId } = await this.placeOf(key);
    await this.sendToNode(nodeId, { method: 'PUT', path: `/shard/${shardId}/store/${key}`, body });
  },
);

Then(
  'these requests to {string} are answered:',
  async function (this: FeatureWorld, nodeId: string, requests: DataTable) {
    const seen: Record<string, string>[] = [];
    for (const { method = '', path = '' } of requests.hashes()) {
      const body = method === 'PUT' ? 'other' : undefined;
      const answer = await this.sendToNode(nodeId, {
        method: method as Call['method'],
        path,
        body,
      });
      const code = answer.status >= 400 ? String(valueAt(this.lastJson(), 'code')) : '';
      seen.push({ method, path, status: String(answer.status), code });
    }
    assert.deepEqual(seen, requests.hashes());
  },
);

Given('I remember any node as {string}', async function (this: FeatureWorld, word: string) {
  this.remembered.set(word, (await this.realNodes())[0] ?? '');
});

Given(
  'I remember the holder of shard {int} as {string}',
  async function (this: FeatureWorld, shardId: number, word: string) {
    const shards = await (await this.client()).shards();
    this.remembered.set(word, shards[shardId]?.nodeId ?? '');
  },
);

Given(
  'I remember the node that is not {string} as {string}',
  async function (this: FeatureWorld, nodeId: string, word: string) {
    const other = (await this.realNodes()).find((id) => id !== this.recall(nodeId));
    if (other !== undefined) {
      this.remembered.set(word, other);
      return undefined;
    }
    this.log('skipped: the cluster has one node only');
    return 'skipped';
  },
);

Then('every node has had a health check', async function (this: FeatureWorld) {
  const client = await this.client();
  await eventually(async () => {
    for (const node of await client.nodes()) assert.match(node.lastHealthCheck ?? '', /T.*Z$/);
  });
});

Then(
  'the entries of {string} are the shards placed on {string}',
  async function (this: FeatureWorld, path: string, nodeId: string) {
    const entries = valueAt(this.lastJson(), path) as { ID: number; Primary: boolean }[];
    const held = entries.map(({ ID }) => ID);
    assert.deepEqual(held, await this.shardsOn(this.recall(nodeId)));
    assert.ok(entries.every(({ Primary }) => Primary));
  },
);

Then(
  'each node has the configuration version {string}',
  async function (this: FeatureWorld, version: string) {
    for (const id of await this.realNodes()) {
      await this.sendToNode(id, { method: 'GET', path: '/info' });
      assert.equal(valueAt(this.lastJson(), 'config_version'), Number(this.recall(version)));
    }
  },
);

Given(
  'a process {string} that answers health checks',
  async function (this: FeatureWorld, id: string) {
    await this.client();
    this.pretendNodes.set(id, await PretendNode.start());
  },
);

const pretendNode = (world: FeatureWorld, id: string): PretendNode => {
  const node = world.pretendNodes.get(id);
  assert.ok(node, `no step has started ${id}`);
  return node;
};

const register = (world: FeatureWorld, node: Record<string, unknown>) =>
  world.send({ method: 'POST', path: '/register', body: JSON.stringify({ node }) });

const identityOf = (id: string) => ({
  directory_id: 'd0d0d0d0d0d0d0d0',
  incarnation: `life of ${id}`,
});

When(
  "{string} registers as the original's clients do",
  async function (this: FeatureWorld, id: string) {
    await register(this, { id, addr: pretendNode(this, id).addr });
  },
);

When(
  '{string} registers with a data directory and no room for shards',
  async function (this: FeatureWorld, id: string) {
    const { addr } = pretendNode(this, id);
    await register(this, { id, addr, max_shards: 0, copies: [], ...identityOf(id) });
    assert.equal(this.lastAnswer().status, 200);
  },
);

When(
  /^somebody registers as "([^"]*)" with (\{.*\})$/,
  async function (this: FeatureWorld, id: string, fields: string) {
    const node = this.pretendNodes.get(id);
    const addr = node?.addr ?? '127.0.0.1:9';
    await register(this, { id: this.recall(id), addr, ...(JSON.parse(fields) as object) });
  },
);

const heartbeat = (world: FeatureWorld, id: string) => {
  const body = { node_id: id, incarnation: identityOf(id).incarnation, copies: [] };
  return world.send({ method: 'POST', path: '/heartbeat', body: JSON.stringify(body) });
};

When('{string} sends a heartbeat', async function (this: FeatureWorld, id: string) {
  await heartbeat(this, id);
});

When('{string} stops answering', function (this: FeatureWorld, id: string) {
  pretendNode(this, id).stopAnswering();
});

Then(
  '{string} becomes {string} although it goes on sending heartbeats',
  async function (this: FeatureWorld, id: string, status: string) {
    const client = await this.client();
    await eventually(
      async () => {
        assert.equal((await heartbeat(this, id)).status, 200);
        assert.equal((await client.node(id)).status, status);
      },
      { timeoutMs: NOTICE_MS_MAX },
    );
  },
);

Then(
  'the node {string} was asked for its \\/livez',
  async function (this: FeatureWorld, id: string) {
    const node = pretendNode(this, id);
    await eventually(() => assert.ok(node.checks >= 2, `${node.checks} health checks`));
  },
);

Then('the node {string} is listed once', async function (this: FeatureWorld, id: string) {
  const nodes = await (await this.client()).nodes();
  assert.equal(nodes.filter((node) => node.id === id).length, 1);
});

Then(
  'the node {string} answers \\/readyz with {int}',
  async function (this: FeatureWorld, id: string, status: number) {
    await eventually(async () => {
      const answer = await this.sendToNode(id, { method: 'GET', path: '/readyz' });
      assert.equal(answer.status, status, answer.body.toString());
    });
  },
);

Then(
  'the node {string} answers \\/readyz with {int}, {string}, {int} nodes of {int}',
  async function (
    this: FeatureWorld,
    id: string,
    status: number,
    code: string,
    nodes: number,
    minNodes: number,
  ) {
    await eventually(async () => {
      const answer = await this.sendToNode(id, { method: 'GET', path: '/readyz' });
      const fields = ['code', 'nodes', 'min_nodes'].map((name) => valueAt(this.lastJson(), name));
      assert.deepEqual([answer.status, ...fields], [status, code, nodes, minNodes]);
    });
  },
);

Then(
  'the node {string} is ready within {int} seconds',
  async function (this: FeatureWorld, id: string, seconds: number) {
    const client = await this.nodeClient(id);
    await eventually(() => client.raw.json({ method: 'GET', path: '/readyz' }), {
      timeoutMs: seconds * 1_000,
    });
  },
);
