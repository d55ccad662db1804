/** Ready steps for keys and for plain requests. `<word>` in a step's text stands for what was remembered under it. */
import { strict as assert } from 'node:assert';
import { type DataTable, Given, Then, When } from '@cucumber/cucumber';
import type { BulkOperation } from '../client/bulk.ts';
import type { Call } from '../client/call.ts';
import { asText, valueAt } from './json-path.ts';
import type { ToruaWorld } from './world.ts';

Given(
  'the key {string} holds {string}',
  async function (this: ToruaWorld, key: string, value: string) {
    await (await this.client()).put(key, value);
  },
);

Given('these keys:', async function (this: ToruaWorld, keys: DataTable) {
  const client = await this.client();
  for (const { key = '', value = '' } of keys.hashes()) await client.put(key, value);
});

Given(
  '{int} keys that start with {string}',
  async function (this: ToruaWorld, count: number, prefix: string) {
    const operations = keysOf(count, prefix).map(
      (key): BulkOperation => ({ op: 'put', key, value: storedText(key) }),
    );
    for await (const answer of (await this.client()).bulk(operations)) {
      assert.equal(answer.status, 204, `${answer.key}: ${answer.code} ${answer.detail}`);
    }
  },
);

Given(
  'the request header {string} is {string}',
  function (this: ToruaWorld, name: string, value: string) {
    this.requestHeaders[name.toLowerCase()] = this.recall(value);
  },
);

When('I send {word} {string}', async function (this: ToruaWorld, method: string, path: string) {
  await this.send({ method: method as Call['method'], path: this.recall(path) });
});

When(
  'I send {word} {string} with {string}',
  async function (this: ToruaWorld, method: string, path: string, body: string) {
    await this.send({
      method: method as Call['method'],
      path: this.recall(path),
      body: this.recall(body),
    });
  },
);

When(
  'I send {word} {string} with:',
  async function (this: ToruaWorld, method: string, path: string, body: string) {
    await this.send({
      method: method as Call['method'],
      path: this.recall(path),
      body: this.recall(body),
    });
  },
);

When(
  'I send {word} {string} with {int} bytes',
  async function (this: ToruaWorld, method: string, path: string, count: number) {
    await this.send({ method: method as Call['method'], path, body: Buffer.alloc(count, 'x') });
  },
);

When('I delete the key {string}', async function (this: ToruaWorld, key: string) {
  await (await this.client()).delete(key);
});

When(
  'I remember the answer header {string} as {string}',
  function (this: ToruaWorld, name: string, word: string) {
    this.remembered.set(word, this.lastAnswer().headers[name.toLowerCase()] ?? '');
  },
);

When(
  'I remember the answer field {string} as {string}',
  function (this: ToruaWorld, path: string, word: string) {
    this.remembered.set(word, asText(valueAt(this.lastJson(), path)));
  },
);

Then('the answer is {int}', function (this: ToruaWorld, status: number) {
  const answer = this.lastAnswer();
  assert.equal(
    answer.status,
    status,
    `${answer.status}, not ${status}: ${answer.body.subarray(0, 2_000)}`,
  );
});

Then('the answer is the problem {string}', function (this: ToruaWorld, code: string) {
  assert.equal(valueAt(this.lastJson(), 'code'), code);
  assert.match(this.lastAnswer().headers['content-type'] ?? '', /^application\/problem\+json/);
});

Then('the answer text is {string}', function (this: ToruaWorld, text: string) {
  assert.equal(this.lastAnswer().body.toString('utf8'), this.recall(text));
});

Then('the answer has {int} bytes', function (this: ToruaWorld, count: number) {
  assert.equal(this.lastAnswer().body.length, count);
});

Then(
  'the answer header {string} is {string}',
  function (this: ToruaWorld, name: string, value: string) {
    assert.equal(this.lastAnswer().headers[name.toLowerCase()], this.recall(value));
  },
);

Then('the answer has the header {string}', function (this: ToruaWorld, name: string) {
  assert.ok(
    this.lastAnswer().headers[name.toLowerCase()],
    JSON.stringify(this.lastAnswer().headers),
  );
});

Then(
  'the answer field {string} is {string}',
  function (this: ToruaWorld, path: string, value: string) {
    assert.equal(asText(valueAt(this.lastJson(), path)), this.recall(value));
  },
);

Then('the answer has the field(s) {string}', function (this: ToruaWorld, paths: string) {
  for (const path of paths.split(/, ?/)) {
    assert.notEqual(
      valueAt(this.lastJson(), path),
      undefined,
      `${path} is missing in ${JSON.stringify(this.lastJson())}`,
    );
  }
});

Then(
  'the key {string} has the value {string}',
  async function (this: ToruaWorld, key: string, value: string) {
    const stored = await (await this.client()).get(key);
    assert.ok(stored, `the key ${key} does not exist`);
    assert.equal(stored.text(), value);
  },
);

Then('the key {string} does not exist', async function (this: ToruaWorld, key: string) {
  const stored = await (await this.client()).get(key);
  assert.equal(stored?.text(), undefined);
});

Then(
  'all {int} keys that start with {string} are there',
  async function (this: ToruaWorld, count: number, prefix: string) {
    const operations = keysOf(count, prefix).map((key): BulkOperation => ({ op: 'get', key }));
    let found = 0;
    for await (const answer of (await this.client()).bulk(operations)) {
      assert.equal(
        answer.status,
        200,
        `${answer.key}: ${answer.status} ${answer.code} ${answer.detail}`,
      );
      assert.equal(answer.value, storedText(answer.key ?? ''));
      found += 1;
    }
    assert.equal(found, count);
  },
);

Then(
  'the list of keys with the prefix {string} is:',
  async function (this: ToruaWorld, prefix: string, keys: DataTable) {
    const listed: string[] = [];
    for await (const { key } of (await this.client()).list({ prefix })) listed.push(key);
    assert.deepEqual(listed, keys.raw().flat());
  },
);

const keysOf = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

const storedText = (key: string): string => `value of ${key}`;
