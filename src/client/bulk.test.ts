/** Bulks against a requester of the test's own: chunks, order, repetition. */
import { expect, test } from 'vitest';
import { attendedClock } from '../kernel/clock.ts';
import { systemRandom } from '../kernel/random.ts';
import { type BulkOperation, bulk, placesToRepeat } from './bulk.ts';
import type { Call } from './call.ts';
import type { Requester } from './requester.ts';

interface Line {
  op: string;
  key: string;
}

function contextWith(answerTo: (line: Line, request: number) => object) {
  const requests: Line[][] = [];
  const requester = {
    send: (call: Call) => {
      const lines = String(call.body)
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Line);
      const place = requests.push(lines) - 1;
      const text = lines.map((line) => `${JSON.stringify(answerTo(line, place))}\n`).join('');
      return Promise.resolve({ status: 200, headers: {}, body: [Buffer.from(text)] });
    },
  } as unknown as Requester;
  const retry = { baseMs: 1, maxMs: 2, refusedMs: 100 };
  return {
    requests,
    context: { requester, clock: attendedClock, random: systemRandom, timeoutMs: 1_000, retry },
  };
}

const put = (key: string, value = 'v'): BulkOperation => ({ op: 'put', key, value });

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

// @req: sdk.streams
test('answers come in the order of the operations, over as many requests as the limits ask for', async () => {
  const { requests, context } = contextWith((line) => ({ key: line.key, status: 204 }));
  const operations = Array.from({ length: 1_201 }, (_, index) => put(`k${index}`));
  const answers = await all(bulk(context, operations));
  expect(answers.map((answer) => answer.key)).toEqual(operations.map((operation) => operation.key));
  expect(requests.map((lines) => lines.length)).toEqual([500, 500, 201]);
});

test('a request is cut before it passes its bytes', async () => {
  const { requests, context } = contextWith((line) => ({ key: line.key, status: 204 }));
  await all(
    bulk(context, [put('a', 'x'.repeat(700_000)), put('b', 'x'.repeat(700_000)), put('c')]),
  );
  expect(requests.map((lines) => lines.map((line) => line.key))).toEqual([['a'], ['b', 'c']]);
});

test('a source that waits for its answers gets them', async () => {
  const { context } = contextWith((line) => ({ key: line.key, status: 204 }));
  const answered: string[] = [];
  const source = async function* () {
    yield put('first');
    while (answered.length === 0) await new Promise((resolve) => setImmediate(resolve));
    yield put('second');
  };
  for await (const answer of bulk(context, source())) answered.push(answer.key ?? '');
  expect(answered).toEqual(['first', 'second']);
});

test('an operation that failed for now is repeated together with the later ones on its key, and no others', async () => {
  const { requests, context } = contextWith((line, request) =>
    request === 0 && line.key === 'a'
      ? { key: 'a', status: 503, code: 'shard_opening' }
      : { key: line.key, status: 204 },
  );
  const answers = await all(
    bulk(context, [put('b'), put('a', '1'), put('c'), { op: 'delete', key: 'a' }]),
  );
  expect(answers.map((answer) => answer.status)).toEqual([204, 204, 204, 204]);
  expect(requests[1]?.map((line) => [line.op, line.key])).toEqual([
    ['put', 'a'],
    ['delete', 'a'],
  ]);
});

test('a line that failed for good is an answer, not an exception, and is not repeated', async () => {
  const { requests, context } = contextWith((line) => ({
    key: line.key,
    status: 413,
    code: 'value_too_large',
    detail: 'too large',
  }));
  await expect(all(bulk(context, [put('a')]))).resolves.toEqual([
    { key: 'a', status: 413, code: 'value_too_large', detail: 'too large' },
  ]);
  expect(requests).toHaveLength(1);
});

test('a failing source fails the bulk after the answers of what it gave before', async () => {
  const { context } = contextWith((line) => ({ key: line.key, status: 204 }));
  const source = async function* () {
    yield put('a');
    throw new Error('the file ended');
  };
  await expect(all(bulk(context, source()))).rejects.toThrow('the file ended');
});

test('an older write is never repeated alone behind a newer one on its key', () => {
  const operations = [put('a'), put('b'), put('a'), put('c')];
  expect(
    placesToRepeat(
      operations,
      [503, 204, 204, 204].map((status) => ({ status })),
    ),
  ).toEqual([0, 2]);
  expect(
    placesToRepeat(
      operations,
      [204, 204, 429, 502].map((status) => ({ status })),
    ),
  ).toEqual([2, 3]);
  expect(
    placesToRepeat(
      operations,
      [204, 404, 400, 204].map((status) => ({ status })),
    ),
  ).toEqual([]);
});
