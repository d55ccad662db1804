/** Steps about POST /data/_bulk: its lines, their answers, and that both are streamed. */
import { strict as assert } from 'node:assert';
import { type IncomingMessage, request } from 'node:http';
import { type DataTable, Then, When } from '@cucumber/cucumber';
import type { FeatureWorld } from './feature-world.ts';
import { variedBytes } from './value.steps.ts';

type AnswerLine = Record<string, unknown> & { status: number; code?: string };

function answerLines(world: FeatureWorld): AnswerLine[] {
  const text = world.lastAnswer().body.toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AnswerLine);
}

const sendLines = (world: FeatureWorld, lines: readonly string[]) =>
  world.send({
    method: 'POST',
    path: '/data/_bulk',
    body: lines.map((line) => `${line}\n`).join(''),
  });

const putLine = (key: string, value: string): string => JSON.stringify({ op: 'put', key, value });

When('I send a bulk with the lines:', async function (this: FeatureWorld, lines: DataTable) {
  await sendLines(this, lines.raw().flat());
});

Then('the answer lines are:', function (this: FeatureWorld, table: DataTable) {
  const [names = []] = table.raw();
  const seen = answerLines(this).map((line) =>
    Object.fromEntries(names.map((name) => [name, String(line[name] ?? '')])),
  );
  assert.deepEqual(seen, table.hashes());
});

Then('each answer line of a put has an etag', function (this: FeatureWorld) {
  const puts = answerLines(this).filter((line) => line.status === 204 && line.key !== 'old');
  assert.ok(puts.length > 0);
  for (const line of puts) assert.match(String(line.etag), /^[0-9a-f]{32}$/);
});

Then(
  'line {int} of the answer has the status {int}',
  function (this: FeatureWorld, number: number, status: number) {
    assert.equal(answerLines(this)[number - 1]?.status, status);
  },
);

Then(
  'line {int} of the answer has the status {int} and the code {string}',
  function (this: FeatureWorld, number: number, status: number, code: string) {
    const line = answerLines(this)[number - 1];
    assert.deepEqual([line?.status, line?.code], [status, code], JSON.stringify(line));
    assert.ok(line?.detail, 'the line says nothing about what to do');
  },
);

Then(
  'every line of the answer has the status {int}',
  function (this: FeatureWorld, status: number) {
    const others = answerLines(this).filter((line) => line.status !== status);
    assert.deepEqual(others, []);
  },
);

When(
  'I send a bulk of {int} puts in one request',
  async function (this: FeatureWorld, count: number) {
    const keys = Array.from({ length: count }, (_, index) => `bulk-${index}`);
    await sendLines(
      this,
      keys.map((key) => putLine(key, `value of ${key}`)),
    );
    assert.equal(answerLines(this).length, count);
  },
);

When(
  'I send a bulk with a value of {int} bytes between two small ones',
  async function (this: FeatureWorld, count: number) {
    await sendLines(this, [
      putLine('small', '1'),
      putLine('huge', 'x'.repeat(count)),
      putLine('little', '2'),
    ]);
  },
);

When(
  'I send a bulk that puts {int} varied bytes under {string} and gets them back',
  async function (this: FeatureWorld, count: number, key: string) {
    this.bytes = variedBytes(count);
    const value_base64 = this.bytes.toString('base64');
    await sendLines(this, [JSON.stringify({ op: 'put', key, value_base64 })]);
    await sendLines(this, [JSON.stringify({ op: 'get', key })]);
  },
);

Then('the answered value has the same bytes', function (this: FeatureWorld) {
  const [line] = answerLines(this);
  const seen = Buffer.from(String(line?.value_base64), 'base64');
  assert.ok(seen.equals(this.bytes), `${seen.length} bytes came back`);
});

When('I send a bulk that puts {int} keys', async function (this: FeatureWorld, count: number) {
  const keys = Array.from({ length: count }, (_, index) => `b${index}`);
  await sendLines(
    this,
    keys.map((key) => putLine(key, 'v')),
  );
});

Then(
  'the lines for shards of {string} failed with 502 or 503 and the others succeeded',
  async function (this: FeatureWorld, nodeId: string) {
    const lines = answerLines(this);
    const statuses = new Set<number>();
    for (const [index, line] of lines.entries()) {
      const isAway = (await this.placeOf(`b${index}`)).nodeId === nodeId;
      assert.ok(
        isAway ? [502, 503].includes(line.status) : line.status === 204,
        JSON.stringify(line),
      );
      statuses.add(line.status);
    }
    assert.ok(statuses.size > 1, 'keys on several nodes are needed');
  },
);

When(
  'I begin a bulk and send its first {int} lines',
  async function (this: FeatureWorld, count: number) {
    const sent = request(`${(await this.client()).url}/data/_bulk`, { method: 'POST' });
    this.cleanups.push(() => void sent.destroy());
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve).once('error', reject);
    });
    for (let number = 1; number <= count; number += 1)
      sent.write(`${putLine(`s${number}`, 'v')}\n`);
    this.openBulk = { request: sent, answer: linesOf(answer) };
  },
);

Then(
  '{int} lines are answered before the next one is sent',
  async function (this: FeatureWorld, count: number) {
    const bulk = this.openBulk;
    for (let number = 1; number <= count; number += 1) {
      const { value } = (await bulk?.answer.next()) ?? {};
      assert.deepEqual(pick(value), { key: `s${number}`, status: 204 });
    }
  },
);

Then('the rest of the bulk is answered when it is sent', async function (this: FeatureWorld) {
  const bulk = this.openBulk;
  bulk?.request.end(`${putLine('last', 'v')}\n`);
  const { value } = (await bulk?.answer.next()) ?? {};
  assert.deepEqual(pick(value), { key: 'last', status: 204 });
  assert.equal((await bulk?.answer.next())?.done, true);
});

function pick(line: string): { key: unknown; status: unknown } {
  const { key, status } = JSON.parse(line) as AnswerLine;
  return { key, status };
}

async function* linesOf(answer: Promise<IncomingMessage>): AsyncGenerator<string, undefined> {
  let rest = '';
  for await (const piece of (await answer).setEncoding('utf8')) {
    const lines = (rest + String(piece)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  return undefined;
}
