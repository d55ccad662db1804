/** Steps about single values: bytes, etags, conditions, time to live, packed and broken bodies. */
import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Then, When } from '@cucumber/cucumber';
import type { Call } from '../../src/client/call.ts';
import { eventually } from '../../src/testing/testing.ts';
import type { FeatureWorld } from './feature-world.ts';

/** Time within which an expired key has to be gone, in milliseconds. */
const EXPIRY_MS_MAX = 1_500;

const pathOf = (key: string): string => `/data/${encodeURIComponent(key)}`;

/** Bytes of every value in an order that does not repeat soon; the first is no UTF-8. */
export function variedBytes(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  for (let place = 0; place < count; place += 1) {
    bytes[place] = (0xff + place * 167 + (place >> 8) * 13 + (place >> 16) * 7) & 0xff;
  }
  return bytes;
}

When(
  'I store {int} varied bytes under {string}',
  async function (this: FeatureWorld, count: number, key: string) {
    this.bytes = variedBytes(count);
    await this.send({ method: 'PUT', path: pathOf(key), body: this.bytes });
  },
);

Then('the key {string} returns the same bytes', async function (this: FeatureWorld, key: string) {
  const answer = await this.send({ method: 'GET', path: pathOf(key) });
  assert.equal(answer.status, 200);
  assert.equal(answer.body.length, this.bytes.length);
  assert.ok(answer.body.equals(this.bytes), 'the bytes differ');
});

When(
  'I store {string} under the key {string}',
  async function (this: FeatureWorld, value: string, key: string) {
    await this.send({ method: 'PUT', path: pathOf(key), body: value });
  },
);

When(
  'I store {string} under a key of {int} bytes',
  async function (this: FeatureWorld, value: string, length: number) {
    await this.send({ method: 'PUT', path: `/data/${'k'.repeat(length)}`, body: value });
  },
);

When(
  'I store {string} under a key of {int} characters of three bytes',
  async function (this: FeatureWorld, value: string, length: number) {
    await this.send({ method: 'PUT', path: pathOf('数'.repeat(length)), body: value });
  },
);

Then(
  "the answer's etag is made from the content-type {string} and {string}",
  function (this: FeatureWorld, type: string, value: string) {
    const hash = createHash('sha256').update(`${type}\0${value}`).digest('hex');
    assert.equal(this.lastAnswer().headers.etag, `"${hash.slice(0, 32)}"`);
  },
);

Then('the key {string} is soon gone', async function (this: FeatureWorld, key: string) {
  const client = await this.client();
  await eventually(async () => assert.equal(await client.head(key), undefined), {
    timeoutMs: EXPIRY_MS_MAX,
  });
});

When(
  'I write the key {string} {int} times and read it after each write',
  async function (this: FeatureWorld, key: string, times: number) {
    const client = await this.client();
    this.pages = [];
    for (let number = 1; number <= times; number += 1) {
      await client.put(key, String(number));
      const seen = await client.get(key);
      if (seen?.text() !== String(number)) this.pages.push(`${number}: ${seen?.text()}`);
    }
  },
);

Then('each read showed the value written before it', function (this: FeatureWorld) {
  assert.deepEqual(this.pages, []);
});

When(
  '{int} clients at once create the key {string}, each with its own value',
  async function (this: FeatureWorld, count: number, key: string) {
    const client = await this.client();
    const headers = { 'if-none-match': '*' };
    const answers = await Promise.all(
      Array.from({ length: count }, async (_, number) => {
        const body = `client ${number}`;
        const call = { method: 'PUT', path: pathOf(key), headers, body, accept: 'any' } as const;
        const answer = await client.raw.send(call);
        await answer.body.dump();
        return { status: answer.status, body };
      }),
    );
    this.pages = answers.map(({ status }) => String(status));
    this.remembered.set('winner', answers.find(({ status }) => status === 204)?.body ?? '');
  },
);

Then(
  'exactly {int} of them succeeded and the others got {int}',
  function (this: FeatureWorld, count: number, status: number) {
    assert.equal(this.pages.filter((seen) => seen === '204').length, count);
    assert.equal(
      this.pages.filter((seen) => seen === String(status)).length,
      this.pages.length - count,
    );
  },
);

Then(
  'the key {string} has the value of the one that succeeded',
  async function (this: FeatureWorld, key: string) {
    const stored = await (await this.client()).get(key);
    assert.equal(stored?.text(), this.remembered.get('winner'));
  },
);

When(
  '{int} clients at once add 1 to {string} {int} times each, by if-match',
  async function (this: FeatureWorld, count: number, key: string, times: number) {
    await Promise.all(
      Array.from({ length: count }, async () => {
        for (let done = 0; done < times; done += 1) await addOne(this, key);
      }),
    );
  },
);

async function addOne(world: FeatureWorld, key: string): Promise<void> {
  const client = await world.client();
  for (;;) {
    const seen = await client.get(key);
    assert.ok(seen, `the key ${key} does not exist`);
    const headers = { 'if-match': `"${seen.etag}"` };
    const body = String(Number(seen.text()) + 1);
    const call = { method: 'PUT', path: pathOf(key), headers, body, accept: 'any' } as const;
    const answer = await client.raw.send(call);
    await answer.body.dump();
    if (answer.status === 204) return;
    assert.equal(answer.status, 412);
  }
}

When(
  'I send {word} {string} with {string} packed by gzip',
  async function (this: FeatureWorld, method: string, path: string, text: string) {
    await sendPacked(this, { method: method as Call['method'], path }, Buffer.from(text));
  },
);

When(
  'I send {word} {string} with {int} zeros packed by gzip',
  async function (this: FeatureWorld, method: string, path: string, count: number) {
    await sendPacked(this, { method: method as Call['method'], path }, Buffer.alloc(count));
  },
);

async function sendPacked(
  world: FeatureWorld,
  call: Pick<Call, 'method' | 'path'>,
  content: Buffer,
): Promise<void> {
  world.requestHeaders['content-encoding'] = 'gzip';
  await world.send({ ...call, body: gzipSync(content) });
}

Then('the answer unpacks to {int} bytes', function (this: FeatureWorld, count: number) {
  assert.equal(gunzipSync(this.lastAnswer().body).length, count);
});

When(
  'I stream {int} bytes to {string} without announcing their number',
  async function (this: FeatureWorld, count: number, path: string) {
    async function* pieces(): AsyncGenerator<Uint8Array> {
      const piece = Buffer.alloc(65_536, 'x');
      for (let left = count; left > 0; left -= piece.length) yield piece.subarray(0, left);
    }
    await this.send({ method: 'PUT', path, body: pieces() });
  },
);

When(
  'a client hangs up after half of a PUT of {int} bytes to {string}',
  async function (this: FeatureWorld, count: number, path: string) {
    const { hostname, port } = new URL((await this.client()).url);
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => {
        const head = `PUT ${path} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: ${count}\r\n\r\n`;
        socket.write(head + 'x'.repeat(count / 2), () => socket.destroy());
      });
      socket.once('error', reject).once('close', () => resolve());
    });
  },
);
