/** Steps about any answer: its text, its headers, its JSON and the entries of its lists. */
import { strict as assert } from 'node:assert';
import { type DataTable, Then, When } from '@cucumber/cucumber';
import { asText, valueAt } from '../../src/testing/json-path.ts';
import type { FeatureWorld } from './feature-world.ts';

type Entry = Record<string, unknown>;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function entriesOf(world: FeatureWorld, path: string): Entry[] {
  const entries = valueAt(world.lastJson(), path);
  assert.ok(Array.isArray(entries), `${path} is no list in ${asText(world.lastJson())}`);
  return entries as Entry[];
}

function someEntries(world: FeatureWorld, path: string): Entry[] {
  const entries = entriesOf(world, path);
  assert.ok(entries.length > 0, `${path} is empty`);
  return entries;
}

const textOf = (world: FeatureWorld): string => world.lastAnswer().body.toString('utf8');

Then('the answer is {int} or {int}', function (this: FeatureWorld, one: number, other: number) {
  const { status } = this.lastAnswer();
  assert.ok(status === one || status === other, `${status}: ${textOf(this).slice(0, 2_000)}`);
});

Then('the answer says {string}', function (this: FeatureWorld, text: string) {
  assert.ok(textOf(this).includes(this.recall(text)), textOf(this));
});

Then('the answer shows nothing of the inside', function (this: FeatureWorld) {
  assert.ok(this.lastAnswer().status >= 400);
  assert.doesNotMatch(textOf(this), /\bat .+:\d+:\d+|node_modules|\.[jt]s\b/);
});

Then('the answer has no header {string}', function (this: FeatureWorld, name: string) {
  assert.equal(this.lastAnswer().headers[name], undefined);
});

Then(
  'the answer header {string} lists {string}',
  function (this: FeatureWorld, name: string, values: string) {
    const seen = (this.lastAnswer().headers[name] ?? '').split(/, ?/);
    for (const value of values.split(', '))
      assert.ok(seen.includes(value), `${value} is not in ${seen}`);
  },
);

Then('the answer field {string} is absent', function (this: FeatureWorld, path: string) {
  assert.equal(valueAt(this.lastJson(), path), undefined);
});

Then('the answer is indented JSON', function (this: FeatureWorld) {
  this.lastJson();
  assert.match(textOf(this), /^\{\n {2}"/);
});

Then('the answer is a page', async function (this: FeatureWorld) {
  const { status, headers } = this.lastAnswer();
  if (status >= 300 && status < 400) {
    const { pathname } = new URL(headers.location ?? '', (await this.client()).url);
    await this.send({ method: 'GET', path: pathname });
  }
  assert.equal(this.lastAnswer().status, 200);
  assert.match(this.lastAnswer().headers['content-type'] ?? '', /^text\/html/);
});

Then(
  'the answer field {string} is the number of {word}',
  async function (this: FeatureWorld, path: string, things: string) {
    assert.equal(valueAt(this.lastJson(), path), await countOf(this, things));
  },
);

Then(
  'the answer field {string} is the number of entries of {string}',
  function (this: FeatureWorld, path: string, list: string) {
    assert.equal(valueAt(this.lastJson(), path), entriesOf(this, list).length);
  },
);

Then(
  '{string} has as many entries as there are {word}',
  async function (this: FeatureWorld, list: string, things: string) {
    assert.equal(entriesOf(this, list).length, await countOf(this, things));
  },
);

async function countOf(world: FeatureWorld, things: string): Promise<number> {
  const client = await world.client();
  return (things === 'nodes' ? await client.nodes() : await client.shards()).length;
}

Then(
  'each entry of {string} has {string}',
  function (this: FeatureWorld, path: string, names: string) {
    for (const entry of someEntries(this, path)) {
      for (const name of names.split(', '))
        assert.ok(name in entry, `${name} is not in ${asText(entry)}`);
    }
  },
);

Then(
  'no entry of {string} has {string}',
  function (this: FeatureWorld, path: string, name: string) {
    for (const entry of someEntries(this, path)) assert.ok(!(name in entry), asText(entry));
  },
);

Then(
  'each entry of {string} has {string} {string}',
  function (this: FeatureWorld, path: string, name: string, value: string) {
    for (const entry of someEntries(this, path))
      assert.equal(asText(entry[name]), value, asText(entry));
  },
);

Then(
  'each entry of {string} has a time in {string}',
  function (this: FeatureWorld, path: string, name: string) {
    for (const entry of someEntries(this, path)) assert.match(String(entry[name]), TIME);
  },
);

Then(
  'the entries of {string} ascend by {string}',
  function (this: FeatureWorld, path: string, name: string) {
    const numbers = someEntries(this, path).map((entry) => Number(entry[name]));
    assert.ok(
      numbers.every((number, place) => place === 0 || number > (numbers[place - 1] ?? number)),
    );
  },
);

Then(
  'the entry of {string} with {string} {string} has {string} {string}',
  function (
    this: FeatureWorld,
    path: string,
    key: string,
    wanted: string,
    name: string,
    value: string,
  ) {
    const entry = entriesOf(this, path).find((one) => asText(one[key]) === wanted);
    assert.equal(asText(entry?.[name]), value);
  },
);

Then(
  'the answer holds {int} events {string}',
  function (this: FeatureWorld, count: number, type: string) {
    const found = entriesOf(this, 'events').filter((event) => event.type === type);
    assert.equal(found.length, count);
  },
);

Then(
  'the answer is a table with the columns {string}',
  function (this: FeatureWorld, columns: string) {
    assert.match(this.lastAnswer().headers['content-type'] ?? '', /^text\/plain/);
    const [head = '', ...rows] = textOf(this).trimEnd().split('\n');
    assert.deepEqual(head.trim().split(/ +/), columns.split(', '));
    assert.ok(rows.length > 0, 'the table has no row');
    for (const match of head.matchAll(/\S+/g)) {
      // Aligned: in front of each column but the first there is a space in every row.
      for (const row of rows) assert.ok(match.index === 0 || row[match.index - 1] === ' ', row);
    }
  },
);

Then('the first column of the table descends', function (this: FeatureWorld) {
  const [, ...rows] = textOf(this).trimEnd().split('\n');
  const cells = rows.map((row) => Number(row.split(' ')[0]));
  assert.deepEqual(
    cells,
    [...cells].sort((left, right) => right - left),
  );
  assert.ok(cells.length > 1);
});

Then(
  'the answer is a table without headings of as many rows as there are shards',
  async function (this: FeatureWorld) {
    const rows = textOf(this).trimEnd().split('\n');
    assert.equal(rows.length, await countOf(this, 'shards'));
    for (const row of rows) assert.match(row, /^\d+$/);
  },
);

Then(
  'the answer is a list of as many entries as there are shards with {string}',
  async function (this: FeatureWorld, names: string) {
    const entries = someEntries(this, '');
    assert.equal(entries.length, await countOf(this, 'shards'));
    for (const entry of entries) assert.deepEqual(Object.keys(entry), names.split(', '));
  },
);

Then(
  'the OpenAPI document has version 3.1 and describes:',
  function (this: FeatureWorld, routes: DataTable) {
    const document = this.lastJson() as { openapi: string; paths: Record<string, Entry> };
    assert.match(document.openapi, /^3\.1\./);
    for (const [method = '', path = ''] of routes.raw()) {
      assert.ok(document.paths[path]?.[method.toLowerCase()], `${method} ${path} is not described`);
    }
  },
);

When('I remember the settings', async function (this: FeatureWorld) {
  this.remembered.set('settings', JSON.stringify(await this.settings()));
});

Then('the settings are as remembered', async function (this: FeatureWorld) {
  assert.equal(JSON.stringify(await this.settings()), this.remembered.get('settings'));
});
