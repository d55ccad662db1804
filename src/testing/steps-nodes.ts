/** Ready steps for nodes and their processes. Those that stop something need the tag @procs. */
import { strict as assert } from 'node:assert';
import { Given, Then, When } from '@cucumber/cucumber';
import { eventually } from './testing.ts';
import type { ToruaWorld } from './world.ts';

/** The contract's bound for noticing a change of a node, in milliseconds. */
const NOTICE_MS_MAX = 15_000;

Given(
  'a cluster of {int} node(s) and {int} shard(s)',
  async function (this: ToruaWorld, nodes: number, shards: number) {
    this.clusterOptions = { ...this.clusterOptions, nodes, shards };
    await this.processes();
  },
);

Given(
  'the cluster setting {word} is {string}',
  function (this: ToruaWorld, name: string, value: string) {
    this.clusterOptions = {
      ...this.clusterOptions,
      env: { ...this.clusterOptions.env, [name]: value },
    };
  },
);

When('I kill {string}', async function (this: ToruaWorld, target: string) {
  const id = this.recall(target);
  this.exitCodes.set(id, await (await this.processes()).kill(id));
});

When('I stop {string}', async function (this: ToruaWorld, target: string) {
  const id = this.recall(target);
  this.exitCodes.set(id, await (await this.processes()).kill(id, 'SIGTERM'));
});

When('I kill every process', async function (this: ToruaWorld) {
  const cluster = await this.processes();
  const targets = ['coordinator', ...cluster.nodes.map((node) => node.id)];
  await Promise.all(targets.map((target) => cluster.kill(target)));
});

When('I start every process again', async function (this: ToruaWorld) {
  const cluster = await this.processes();
  await cluster.restart('coordinator');
  await Promise.all(cluster.nodes.map((node) => cluster.restart(node.id)));
});

When('I suspend {string}', async function (this: ToruaWorld, target: string) {
  (await this.processes()).suspend(this.recall(target));
});

When('I resume {string}', async function (this: ToruaWorld, target: string) {
  (await this.processes()).resume(this.recall(target));
});

When('I start {string} again', async function (this: ToruaWorld, target: string) {
  await (await this.processes()).restart(this.recall(target));
});

When('I add the node {string}', async function (this: ToruaWorld, id: string) {
  await (await this.processes()).addNode({ id });
});

Then(
  '{string} ended with the exit code {int}',
  function (this: ToruaWorld, target: string, code: number) {
    assert.equal(this.exitCodes.get(this.recall(target)), code);
  },
);

Then(
  'the node {string} becomes {string}',
  async function (this: ToruaWorld, id: string, status: string) {
    const client = await this.client();
    await eventually(
      async () => {
        const node = (await client.nodes()).find((entry) => entry.id === this.recall(id));
        assert.equal(node?.status, status);
      },
      { timeoutMs: NOTICE_MS_MAX },
    );
  },
);

Then('{int} node(s) is/are healthy', async function (this: ToruaWorld, count: number) {
  const client = await this.client();
  await eventually(
    async () => {
      const healthy = (await client.nodes()).filter((node) => node.status === 'healthy');
      assert.equal(healthy.length, count);
    },
    { timeoutMs: NOTICE_MS_MAX },
  );
});

Then('the node {string} is not listed', async function (this: ToruaWorld, id: string) {
  const client = await this.client();
  await eventually(
    async () => {
      const listed = (await client.nodes()).map((node) => node.id);
      assert.ok(!listed.includes(this.recall(id)), `the nodes are ${listed.join(', ')}`);
    },
    { timeoutMs: NOTICE_MS_MAX },
  );
});
