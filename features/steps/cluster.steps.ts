/** Steps about the cluster: how it is started, where its shards lie, its events and metrics. */
import { strict as assert } from 'node:assert';
import { Given, Then, When } from '@cucumber/cucumber';
import type { ShardView } from '../../src/protocol/rest-nodes.ts';
import { valueAt } from '../../src/testing/json-path.ts';
import { eventually } from '../../src/testing/testing.ts';
import type { FeatureWorld } from './feature-world.ts';

/** How long a change of the cluster may take to be seen, in milliseconds. */
const CHANGE_MS_MAX = 20_000;

Given(
  'a cluster of {int} node(s) and {int} shard(s) with health checks every {string}',
  async function (this: FeatureWorld, nodes: number, shards: number, interval: string) {
    await startCluster(this, { nodes, shards }, { HEALTH_CHECK_INTERVAL: interval });
  },
);

Given(
  'a cluster of {int} node(s) and {int} shard(s) with health checks every {string} and dead after {string}',
  async function (
    this: FeatureWorld,
    nodes: number,
    shards: number,
    interval: string,
    dead: string,
  ) {
    const env = { HEALTH_CHECK_INTERVAL: interval, DEAD_AFTER: dead };
    await startCluster(this, { nodes, shards }, env);
  },
);

async function startCluster(
  world: FeatureWorld,
  size: { nodes: number; shards: number },
  env: Record<string, string>,
): Promise<void> {
  const { clusterOptions } = world;
  world.clusterOptions = { ...clusterOptions, ...size, env: { ...clusterOptions.env, ...env } };
  await world.processes();
}

Given(
  'a cluster of {int} shards that waits for {int} node(s)',
  async function (this: FeatureWorld, shards: number, minNodes: number) {
    const coordinatorEnv = { MIN_NODES: String(minNodes) };
    this.clusterOptions = { nodes: 0, shards, waitForGreen: false, coordinatorEnv };
    await this.processes();
  },
);

Given(
  'a cluster of {int} shards whose only node {string} has room for {int}',
  async function (this: FeatureWorld, shards: number, id: string, room: number) {
    this.clusterOptions = { nodes: 0, shards, waitForGreen: false };
    const cluster = await this.processes();
    await cluster.addNode({ id, env: { NODE_MAX_SHARDS: String(room) } });
  },
);

When(
  'the nodes {string} start one after the other',
  async function (this: FeatureWorld, ids: string) {
    const cluster = await this.processes();
    for (const id of ids.split(', ')) {
      await cluster.addNode({ id });
      await eventually(async () => {
        const node = (await cluster.client.nodes()).find((entry) => entry.id === id);
        assert.equal(node?.status, 'healthy');
      });
    }
  },
);

When(
  'I add the node {string} with room for {int} shard(s)',
  async function (this: FeatureWorld, id: string, room: number) {
    await (await this.processes()).addNode({ id, env: { NODE_MAX_SHARDS: String(room) } });
  },
);

/** Waits until the list of shards is as it should be. */
async function shardsBecome(
  world: FeatureWorld,
  check: (shards: readonly ShardView[]) => void,
): Promise<void> {
  const client = await world.client();
  await eventually(async () => check(await client.shards()), { timeoutMs: CHANGE_MS_MAX });
}

const withoutPlace = (shards: readonly ShardView[]): readonly ShardView[] =>
  shards.filter(({ nodeId }) => nodeId === '');

Then('no shard is placed on {string}', async function (this: FeatureWorld, nodeId: string) {
  assert.deepEqual(await this.shardsOn(nodeId), []);
});

Then(
  '{int} shard(s) is/are placed on {string}',
  async function (this: FeatureWorld, count: number, nodeId: string) {
    await shardsBecome(this, (shards) => {
      assert.equal(shards.filter((shard) => shard.nodeId === nodeId).length, count);
    });
  },
);

Then(
  '{int} shard(s) has/have no place and the state {string}',
  async function (this: FeatureWorld, count: number, state: string) {
    await shardsBecome(this, (shards) => {
      const states = withoutPlace(shards).map((shard) => shard.state);
      assert.deepEqual(states, Array(count).fill(state));
    });
  },
);

Then('no shard has a place', async function (this: FeatureWorld) {
  const shards = await (await this.client()).shards();
  assert.equal(withoutPlace(shards).length, shards.length);
});

Then('the shard {int} has no place', async function (this: FeatureWorld, shardId: number) {
  await shardsBecome(this, (shards) => {
    assert.equal(shards[shardId]?.state, 'unassigned');
    assert.equal(shards[shardId]?.nodeId, '');
  });
});

Then(
  'the shard {int} comes to lie on {string}',
  async function (this: FeatureWorld, shardId: number, nodeId: string) {
    await shardsBecome(this, (shards) => {
      assert.equal(shards[shardId]?.nodeId, this.recall(nodeId));
      assert.equal(shards[shardId]?.state, 'active');
    });
  },
);

Then(
  'assigning shard {int} to {string} is soon refused with {int} {string}',
  async function (
    this: FeatureWorld,
    shardId: number,
    nodeId: string,
    status: number,
    code: string,
  ) {
    // Until the holder has told that the shard is no longer empty, the request is taken and declined by the holder.
    const body = JSON.stringify({
      shard_id: shardId,
      node_id: this.recall(nodeId),
      is_primary: true,
    });
    await eventually(async () => {
      const answer = await this.send({ method: 'POST', path: '/shards/assign', body });
      assert.deepEqual([answer.status, valueAt(this.lastJson(), 'code')], [status, code]);
    });
  },
);

Then('the shards say so at each node', async function (this: FeatureWorld) {
  for (const id of await this.realNodes()) {
    await eventually(async () => {
      await this.sendToNode(id, { method: 'GET', path: '/info' });
      const held = (valueAt(this.lastJson(), 'shards') as { ID: number }[]).map(({ ID }) => ID);
      assert.deepEqual(held, await this.shardsOn(id));
    });
  }
});

const placement = (shards: readonly ShardView[]): string =>
  JSON.stringify(shards.map(({ nodeId }) => nodeId));

const terms = (shards: readonly ShardView[]): string =>
  JSON.stringify(shards.map(({ term }) => term));

When('I remember the placement', async function (this: FeatureWorld) {
  this.remembered.set('placement', placement(await (await this.client()).shards()));
});

Then('the placement is as remembered', async function (this: FeatureWorld) {
  const shards = await (await this.client()).shards();
  assert.equal(placement(shards), this.remembered.get('placement'));
});

When('I remember the terms', async function (this: FeatureWorld) {
  this.remembered.set('terms', terms(await (await this.client()).shards()));
});

Then('every term is one higher than remembered', async function (this: FeatureWorld) {
  const before = JSON.parse(this.remembered.get('terms') ?? '[]') as number[];
  const shards = await (await this.client()).shards();
  assert.equal(terms(shards), JSON.stringify(before.map((term) => term + 1)));
});

When('I ask why the shard without a place is where it is', async function (this: FeatureWorld) {
  const [shard] = withoutPlace(await (await this.client()).shards());
  const path = `/cluster/allocation/explain?shard_id=${shard?.shardId}`;
  await this.send({ method: 'GET', path });
});

Then(
  'the decider {string} says no to {string}',
  function (this: FeatureWorld, decider: string, nodeId: string) {
    const nodes = valueAt(this.lastJson(), 'nodes') as {
      node_id: string;
      verdict: string;
      deciders: { decider: string; verdict: string; explanation: string }[];
    }[];
    const node = nodes.find((entry) => entry.node_id === nodeId);
    const verdict = node?.deciders.find((entry) => entry.decider === decider);
    assert.deepEqual([node?.verdict, verdict?.verdict], ['no', 'no']);
    assert.ok(verdict?.explanation, 'the decider gives no reason');
  },
);

When('I begin to wait for {int} nodes', async function (this: FeatureWorld, count: number) {
  await this.client();
  const path = `/cluster/health?wait_for_nodes=${count}&timeout=15s`;
  this.waiting = this.send({ method: 'GET', path });
});

Then('the wait ends with {int}', async function (this: FeatureWorld, status: number) {
  assert.equal((await this.waiting)?.status, status);
});

When(
  'the setting {string} is changed {int} times',
  async function (this: FeatureWorld, name: string, times: number) {
    const client = await this.client();
    // Side by side, because each is answered only when every node has it.
    const next = Array.from({ length: times }, (_, number) => `${60 + number}s`);
    const change = async (): Promise<void> => {
      for (let value = next.pop(); value !== undefined; value = next.pop())
        await client.configure({ [name]: value }, { timeoutMs: 60_000 });
    };
    await Promise.all(Array.from({ length: 50 }, change));
  },
);

Given('I follow the events', async function (this: FeatureWorld) {
  const client = await this.client();
  const stop = new AbortController();
  const { next } = await client.events();
  const following = (async () => {
    for await (const event of client.follow({ since: next, signal: stop.signal }))
      this.followed.push(event);
  })();
  this.cleanups.push(async () => {
    stop.abort();
    await following.catch(() => {});
  });
});

Then(
  'an event {string} arrives within {int} seconds',
  async function (this: FeatureWorld, type: string, seconds: number) {
    const types = (): string[] => this.followed.map((event) => event.type);
    await eventually(() => assert.ok(types().includes(type), `${types()} arrived`), {
      timeoutMs: seconds * 1_000,
    });
  },
);

Then('the events that arrived ascend by their number', function (this: FeatureWorld) {
  const numbers = this.followed.map(({ seq }) => seq);
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].sort((left, right) => left - right),
  );
});
