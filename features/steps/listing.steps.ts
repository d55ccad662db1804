/** Steps about listings and pages, about where keys lie, and about the headers that say so. */
import { strict as assert } from 'node:assert';
import { type DataTable, Given, Then, When } from '@cucumber/cucumber';
import { valueAt } from '../../src/testing/json-path.ts';
import type { FeatureWorld } from './feature-world.ts';

const byBytes = (left: string, right: string): number =>
  Buffer.compare(Buffer.from(left), Buffer.from(right));

function listedKeys(world: FeatureWorld): string[] {
  const { keys } = world.lastJson() as { keys: { key: string }[] };
  return keys.map(({ key }) => key);
}

Given('the cluster has {int} shards', async function (this: FeatureWorld, count: number) {
  const shards = await (await this.client()).shards();
  if (shards.length === count) return undefined;
  this.log(
    `skipped: the cluster has ${shards.length} shards, and this scenario counts on ${count}`,
  );
  return 'skipped';
});

Then('the answer lists the keys:', function (this: FeatureWorld, keys: DataTable) {
  assert.deepEqual(listedKeys(this), keys.raw().flat());
});

Then('the answer lists the keys {string}', function (this: FeatureWorld, keys: string) {
  assert.deepEqual(listedKeys(this), keys === '' ? [] : keys.split(', '));
});

Then(
  'the list of keys with the prefix {string} is empty',
  async function (this: FeatureWorld, prefix: string) {
    const listed: string[] = [];
    for await (const { key } of (await this.client()).list({ prefix })) listed.push(key);
    assert.deepEqual(listed, []);
  },
);

Then('the only key is {string}', async function (this: FeatureWorld, key: string) {
  const listed: string[] = [];
  for await (const row of (await this.client()).list()) listed.push(row.key);
  assert.deepEqual(listed, [key]);
});

When(
  'I page through {string} by {int} while keys between them are written and deleted',
  async function (this: FeatureWorld, prefix: string, limit: number) {
    const client = await this.client();
    let cursor: string | undefined;
    this.pages = [];
    do {
      const after = cursor === undefined ? '' : `&cursor=${cursor}`;
      const path = `/data?prefix=${encodeURIComponent(prefix)}&limit=${limit}${after}`;
      const page = (await client.raw.json({ method: 'GET', path })) as {
        keys: { key: string }[];
        cursor?: string;
      };
      const keys = page.keys.map(({ key }) => key);
      assert.ok(keys.length <= limit, `a page of ${keys.length} keys`);
      this.pages.push(...keys);
      // A key in front of the page, one behind it, and the last key of the page's guests goes.
      await client.put(`${keys[0] ?? prefix}+early`, 'guest');
      await client.put(`${keys.at(-1) ?? prefix}+late`, 'guest');
      for (const key of keys.filter((name) => name.includes('+'))) await client.delete(key);
      cursor = page.cursor;
    } while (cursor !== undefined);
  },
);

Then(
  'the pages held all {int} keys that start with {string}, each once, in order',
  function (this: FeatureWorld, count: number, prefix: string) {
    const wanted = Array.from({ length: count }, (_, index) => `${prefix}${index}`).sort(byBytes);
    assert.deepEqual(
      this.pages.filter((key) => !key.includes('+')),
      wanted,
    );
  },
);

Then(
  "the answer's node is the holder of shard {int}",
  async function (this: FeatureWorld, shardId: number) {
    const nodeId = this.lastAnswer().headers['x-node-id'];
    const shards = await (await this.client()).shards();
    assert.equal(nodeId, shards[shardId]?.nodeId);
  },
);

Then(
  'reading and deleting the key {string} name the same shard and node',
  async function (this: FeatureWorld, key: string) {
    const placeIn = ({ headers }: { headers: Readonly<Record<string, string>> }) => ({
      shard: headers['x-shard-id'],
      node: headers['x-node-id'],
    });
    const written = placeIn(this.lastAnswer());
    for (const method of ['GET', 'HEAD', 'DELETE', 'GET'] as const) {
      const answer = await this.send({ method, path: `/data/${encodeURIComponent(key)}` });
      assert.deepEqual(placeIn(answer), written, `${method} answered ${answer.status}`);
    }
  },
);

Then(
  'the answer names the shards of {string} as missing',
  async function (this: FeatureWorld, nodeId: string) {
    const missing = valueAt(this.lastJson(), 'missing_shards');
    assert.deepEqual(missing, await this.shardsOn(nodeId));
  },
);

Then(
  'the answer lists the keys of {string} that lie on {string}',
  async function (this: FeatureWorld, prefix: string, nodeId: string) {
    assert.deepEqual(listedKeys(this), await keysOn(this, { prefix, count: 60, nodeId }));
  },
);

Then(
  'the keys of {string} that lie on {string} are there',
  async function (this: FeatureWorld, prefix: string, nodeId: string) {
    const client = await this.client();
    for (const key of await keysOn(this, { prefix, count: 60, nodeId })) {
      assert.equal((await client.get(key))?.text(), `value of ${key}`);
    }
  },
);

/** Those of the keys `prefix0`, `prefix1`, ... whose shard is placed on the node, ascending by bytes. */
async function keysOn(
  world: FeatureWorld,
  wanted: { prefix: string; count: number; nodeId: string },
): Promise<string[]> {
  const keys = Array.from({ length: wanted.count }, (_, index) => `${wanted.prefix}${index}`);
  const places = await Promise.all(keys.map((key) => world.placeOf(key)));
  const found = keys.filter((_, index) => places[index]?.nodeId === wanted.nodeId).sort(byBytes);
  assert.ok(found.length > 0 && found.length < keys.length, 'keys on several nodes are needed');
  return found;
}
