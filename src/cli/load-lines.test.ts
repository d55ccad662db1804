/** Lines as operations, and what becomes of those that cannot be. */
import { expect, test } from 'vitest';
import { keyOf, loadLines } from './load-lines.ts';

test.each([
  ['{"id":"a","x":1}', { key: 'a' }],
  ['{"id":12}', { key: '12' }],
  ['{"x":1}', { reason: 'the line has no field "id"' }],
  ['{"id":""}', { reason: 'the field "id" is no text' }],
  ['{"id":{}}', { reason: 'the field "id" is no text' }],
  ['[1]', { reason: 'the line is not a JSON object' }],
  ['null', { reason: 'the line is not a JSON object' }],
])('the key of the line %s', (line, found) => {
  expect(keyOf(Buffer.from(line), 'id')).toEqual(found);
});

test('a line that is not JSON or not UTF-8 has no key', () => {
  expect(keyOf(Buffer.from('{"id":'), 'id')).toEqual({
    reason: expect.stringContaining('the line is not JSON'),
  });
  expect(keyOf(Buffer.from([0x7b, 0xff]), 'id')).toEqual({ reason: 'the line is not UTF-8' });
});

// @req: cli.load
test('a load stores the bytes of each line, and gives back those that were refused here or there', async () => {
  const seen: unknown[] = [];
  const client = {
    bulk: async function* (operations: AsyncIterable<unknown> | Iterable<unknown>) {
      for await (const operation of operations) {
        seen.push(operation);
        const { key } = operation as { key: string };
        yield key === 'big'
          ? { key, status: 413, code: 'value_too_large', detail: 'over 16 MiB' }
          : { key, status: 204 };
      }
    },
  };
  const text = '{"id": "a",  "x":1}\n\nno json\n{"id":"big"}\n{"id":"ü"}';
  const source = (async function* () {
    yield Buffer.from(text);
  })();
  const rejections: unknown[] = [];
  let outcome: unknown;
  for await (const step of loadLines(source, { client: client as never, keyField: 'id' })) {
    outcome = step.outcome;
    if (step.rejection)
      rejections.push([step.rejection.line, String(step.rejection.text), step.rejection.reason]);
  }
  expect(outcome).toMatchObject({ stored: 2, rejected: 2 });
  expect(rejections).toEqual([
    [3, 'no json', expect.stringContaining('not JSON')],
    [4, '{"id":"big"}', 'value_too_large: over 16 MiB'],
  ]);
  expect(seen[0]).toEqual({
    op: 'put',
    key: 'a',
    value: '{"id": "a",  "x":1}',
    contentType: 'application/json',
  });
});
