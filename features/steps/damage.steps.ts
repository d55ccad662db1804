/** Steps that damage files of a node that does not run. All need the tag @procs. */
import { strict as assert } from 'node:assert';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Given, Then, When } from '@cucumber/cucumber';
import { valueAt } from '../../src/testing/json-path.ts';
import { eventually } from '../../src/testing/testing.ts';
import type { FeatureWorld } from './feature-world.ts';

/** Time for a node to open its copies, in milliseconds. */
const OPEN_MS_MAX = 15_000;

/** The newest segment of the node's log. */
async function newestSegment(world: FeatureWorld, nodeId: string): Promise<string> {
  const folder = join((await world.processes()).dataDir, nodeId, 'log');
  const names = readdirSync(folder).filter((name) => name.endsWith('.seg'));
  return join(folder, names.sort().at(-1) ?? '');
}

/** Turns one bit of the byte at `place`, a part of the whole. */
function flipByte(path: string, place: (length: number) => number): void {
  const bytes = readFileSync(path);
  const index = place(bytes.length);
  bytes[index] = (bytes[index] ?? 0) ^ 0x10;
  writeFileSync(path, bytes);
}

Given(
  'I write {int} keys that start with {string} one after the other',
  async function (this: FeatureWorld, count: number, prefix: string) {
    const client = await this.client();
    for (let number = 0; number < count; number += 1)
      await client.put(`${prefix}${number}`, `value of ${prefix}${number}`);
  },
);

When(
  'the log of {string} ends in half a batch',
  async function (this: FeatureWorld, nodeId: string) {
    const path = await newestSegment(this, nodeId);
    appendFileSync(path, readFileSync(path).subarray(0, 100));
  },
);

When(
  'a byte in the middle of the log of {string} is flipped',
  async function (this: FeatureWorld, nodeId: string) {
    const path = await newestSegment(this, nodeId);
    const used = readFileSync(path).findLastIndex((byte) => byte !== 0);
    flipByte(path, () => Math.floor(used / 2));
  },
);

When('a byte in the file of the value is flipped', async function (this: FeatureWorld) {
  const { dataDir } = await this.processes();
  const files = readdirSync(dataDir, { recursive: true, encoding: 'utf8' });
  const [blob] = files.filter((path) => /blobs\/[0-9a-f]{2}\/[0-9a-f]{64}$/.test(path));
  assert.ok(blob, 'there is no file of a value');
  flipByte(join(dataDir, blob), (length) => Math.floor(length / 2));
});

Then('a read is soon refused with {string}', async function (this: FeatureWorld, code: string) {
  await eventually(
    async () => {
      this.requestHeaders['x-torua-deadline-ms'] = '400';
      const answer = await this.send({ method: 'GET', path: '/data/any' });
      assert.deepEqual([answer.status, valueAt(this.lastJson(), 'code')], [503, code]);
    },
    { timeoutMs: OPEN_MS_MAX },
  );
});

Then(
  'each of the {int} keys that start with {string} has its value or is gone',
  async function (this: FeatureWorld, count: number, prefix: string) {
    const client = await this.client();
    for (let number = 0; number < count; number += 1) {
      const key = `${prefix}${number}`;
      const text = (await client.get(key))?.text();
      assert.ok(text === undefined || text === `value of ${key}`, `${key} holds ${text}`);
    }
  },
);

Then(
  'the key {string} is not answered with 200 and all its bytes',
  async function (this: FeatureWorld, key: string) {
    const length = await this.send({ method: 'GET', path: `/data/${key}` }).then(
      ({ status, body }) => (status === 200 ? body.length : -status),
      // The connection broke before the end: that is how a stream says that something is wrong.
      () => 0,
    );
    assert.ok(length < this.bytes.length, `${length} bytes were answered`);
  },
);
