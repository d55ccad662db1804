/** Ready steps for the cluster as a whole, its shards, its settings and its events. */
import { strict as assert } from 'node:assert';
import { Then, When } from '@cucumber/cucumber';
import type { ClusterColour } from '../protocol/public.ts';
import type { ClusterEvent } from '../protocol/rest-cluster.ts';
import { asText, valueAt } from './json-path.ts';
import { awaitState, eventually } from './testing.ts';
import type { ToruaWorld } from './world.ts';

/** How long a change of the cluster may take to be seen, in milliseconds. */
const CHANGE_MS_MAX = 20_000;

When(
  'I change the setting {string} to {word}',
  async function (this: ToruaWorld, name: string, value: string) {
    await (await this.client()).configure({
      [name]: JSON.parse(value) as string | number | boolean,
    });
  },
);

When('I reset the cluster', async function (this: ToruaWorld) {
  await (await this.client()).reset();
});

Then('the cluster becomes {word}', async function (this: ToruaWorld, colour: string) {
  const client = await this.client();
  if (colour === 'green') {
    await awaitState(client, colour, CHANGE_MS_MAX);
    return;
  }
  await eventually(
    async () => assert.equal((await client.health()).status, colour as ClusterColour),
    {
      timeoutMs: CHANGE_MS_MAX,
    },
  );
});

Then(
  'the setting {string} is {string}',
  async function (this: ToruaWorld, name: string, value: string) {
    const answer = await (await this.client()).raw.json({ method: 'GET', path: '/cluster/config' });
    assert.equal(asText(valueAt(answer, `config.${name}`)), this.recall(value));
  },
);

Then('every shard has a primary', async function (this: ToruaWorld) {
  const client = await this.client();
  await eventually(
    async () => {
      const without = (await client.shards()).filter((shard) => shard.nodeId === '');
      assert.deepEqual(without, []);
    },
    { timeoutMs: CHANGE_MS_MAX },
  );
});

Then('the primaries are spread {string}', async function (this: ToruaWorld, spread: string) {
  const client = await this.client();
  await eventually(
    async () => {
      const counts = new Map((await client.nodes()).map((node) => [node.id, 0]));
      for (const { nodeId } of await client.shards())
        counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
      const seen = [...counts.values()].sort((left, right) => right - left).join('/');
      assert.equal(seen, spread);
    },
    { timeoutMs: CHANGE_MS_MAX },
  );
});

Then(
  'the shard {int} is on {string}',
  async function (this: ToruaWorld, shardId: number, nodeId: string) {
    const client = await this.client();
    await eventually(
      async () => {
        const shard = (await client.shards()).find((entry) => entry.shardId === shardId);
        assert.equal(shard?.nodeId, this.recall(nodeId));
      },
      { timeoutMs: CHANGE_MS_MAX },
    );
  },
);

Then('there is an event {string}', async function (this: ToruaWorld, type: string) {
  await eventOf(this, type, () => true);
});

Then(
  'there is an event {string} with {word} {string}',
  async function (this: ToruaWorld, type: string, field: string, value: string) {
    const name = field.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    await eventOf(this, type, (event) => asText(valueAt(event, name)) === this.recall(value));
  },
);

Then('there is no event {string}', async function (this: ToruaWorld, type: string) {
  const { events } = await (await this.client()).events(this.eventsSince);
  assert.deepEqual(
    events.filter((event) => event.type === type),
    [],
  );
});

async function eventOf(
  world: ToruaWorld,
  type: string,
  wanted: (event: ClusterEvent) => boolean,
): Promise<void> {
  const client = await world.client();
  await eventually(
    async () => {
      const { events } = await client.events(world.eventsSince);
      const found = events.some((event) => event.type === type && wanted(event));
      assert.ok(found, `no such ${type} among ${JSON.stringify(events.slice(-20))}`);
    },
    { timeoutMs: CHANGE_MS_MAX },
  );
}
