/** Bad requests against a real cluster: each gets a clear error, and nothing is stored or lost by it. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, eventually, startCluster } from '../../src/testing/testing.ts';
import { ask, begin, type RawAnswer, type RawRequest } from './raw-request.ts';

const MEBIBYTE = 2 ** 20;
const VALUE_BYTES_MAX = 2 * MEBIBYTE;

let cluster: Cluster;

beforeAll(async () => {
  const env = { MAX_VALUE_BYTES: '2MiB', MAX_BULK_LINE_BYTES: '64KiB' };
  cluster = await startCluster({ nodes: 2, env: { MAX_VALUE_BYTES: '2MiB' }, coordinatorEnv: env });
});

afterAll(() => cluster?.close());

const send = (given: RawRequest): Promise<RawAnswer> => ask(cluster.url, given);
const put = (path: string, body: RawRequest['body'], headers = {}): Promise<RawAnswer> =>
  send({ method: 'PUT', path, body, headers });
const keysNow = async (): Promise<unknown> => (await send({ path: '/data?limit=10000' })).json.keys;

async function nothingIsStoredBy(work: () => Promise<void>): Promise<void> {
  const before = await keysNow();
  await work();
  expect(await keysNow()).toEqual(before);
}

describe('a key that cannot be used', () => {
  // @req: kv.put.no-key, kv.key.too-long, kv.key.bad-encoding, kv.key.nul
  test.each([
    ['none', '/data/'],
    ['none, without the slash', '/data'],
    ['of 4,097 bytes', `/data/${'k'.repeat(4_097)}`],
    ['of 4,098 bytes in 1,366 characters', `/data/${'%E6%95%B0'.repeat(1_366)}`],
    ['with a percent sign alone', '/data/a%'],
    ['with a percent sign and no digits', '/data/a%zz'],
    ['that is no UTF-8', '/data/%ff%fe'],
    ['that is half a surrogate pair', '/data/%ED%A0%80'],
    ['with NUL', '/data/a%00b'],
    ['none, at the alias', '/store/'],
    ['with bad encoding, at the alias', '/store/a%zz'],
  ])('is a 400 when it is one %s', async (_which, path) => {
    await nothingIsStoredBy(async () => {
      const answer = await put(path, 'v');
      expect(answer.status).toBe(400);
      expect(answer.json).toMatchObject({ code: 'invalid_key', status: 400, retryable: false });
    });
  });

  test('is a 400 on every method', async () => {
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      expect((await send({ method, path: '/data/a%zz' })).status).toBe(400);
    }
  });

  // @req: http.no-redirect, kv.key.characters, kv.key.decoded-once
  test.each([
    ['a//b/../c', '/data/a//b/../c'],
    ['/', '/data//'],
    ['%2F', '/data/%252F'],
    ['a b?c#d', '/data/a%20b%3Fc%23d'],
    ['数字:@', '/data/%E6%95%B0%E5%AD%97:@'],
    ['..', '/data/..'],
  ])('that only looks odd is a key, and is never redirected: %s', async (key, path) => {
    expect((await put(path, key)).status).toBe(204);
    expect((await send({ path })).body.toString()).toBe(key);
    const listed = (await keysNow()) as { key: string }[];
    expect(listed.map((entry) => entry.key)).toContain(key);
    expect((await send({ method: 'DELETE', path })).status).toBe(204);
    expect((await send({ path })).status).toBe(404);
  });

  test('of exactly 4,096 bytes is a key', async () => {
    const path = `/data/${'k'.repeat(4_096)}`;
    expect((await put(path, 'v')).status).toBe(204);
    expect((await send({ method: 'DELETE', path })).status).toBe(204);
  });
});

describe('a body over the limit', () => {
  const tooLong = Buffer.alloc(VALUE_BYTES_MAX + 1, 7);
  const pieces = (bytes: number): Buffer[] =>
    Array.from({ length: Math.ceil(bytes / MEBIBYTE) }, () => Buffer.alloc(MEBIBYTE, 7));

  // @req: kv.put.too-large, http.gzip.limit, kv.value.limit-configured
  test.each([
    ['with a length', tooLong, {}],
    ['chunked', pieces(8 * MEBIBYTE), {}],
    ['as a gzip bomb', gzipSync(Buffer.alloc(64 * MEBIBYTE)), { 'content-encoding': 'gzip' }],
    [
      'as a chunked gzip bomb',
      [gzipSync(Buffer.alloc(64 * MEBIBYTE))],
      { 'content-encoding': 'gzip' },
    ],
  ])('is a 413 and leaves nothing, %s', async (_how, body, headers) => {
    await nothingIsStoredBy(async () => {
      const answer = await put('/data/too-long', body, headers);
      expect(answer.status).toBe(413);
      expect(answer.json).toMatchObject({ code: 'value_too_large', max_bytes: VALUE_BYTES_MAX });
    });
    await noUploadsLeft();
  });

  test('is a 413 on a node as well', async () => {
    const [node] = cluster.nodes;
    const { shards } = await shardsOf(node?.url ?? '');
    const path = `/shard/${shards[0]?.ID}/store/whatever`;
    const answer = await ask(node?.url ?? '', { method: 'PUT', path, body: tooLong });
    expect(answer.status).toBe(413);
  });

  test('of exactly the limit is a value', async () => {
    const value = Buffer.alloc(VALUE_BYTES_MAX, 9);
    expect((await put('/data/at-the-limit', value)).status).toBe(204);
    expect((await send({ path: '/data/at-the-limit' })).body.equals(value)).toBe(true);
    expect((await send({ method: 'DELETE', path: '/data/at-the-limit' })).status).toBe(204);
  });
});

describe('a body that cannot be unpacked', () => {
  test.each([
    ['not gzip at all', Buffer.from('plain'), 'gzip', 400, 'invalid_encoding'],
    [
      'cut off',
      gzipSync(Buffer.alloc(300_000, 1)).subarray(0, -9),
      'gzip',
      400,
      'invalid_encoding',
    ],
    ['in another encoding', Buffer.from('x'), 'br', 415, 'unsupported_encoding'],
  ])('is refused when it is %s', async (_how, body, encoding, status, code) => {
    await nothingIsStoredBy(async () => {
      const answer = await put('/data/packed', body, { 'content-encoding': encoding });
      expect(answer).toMatchObject({ status, json: { code } });
    });
    await noUploadsLeft();
  });

  // @req: http.gzip.request, http.gzip.stored-unpacked
  test('is stored unpacked when it is gzip, also a large one', async () => {
    for (const value of [Buffer.from('small'), Buffer.alloc(MEBIBYTE, 5)]) {
      const headers = { 'content-encoding': 'gzip' };
      expect((await put('/data/packed', gzipSync(value), headers)).status).toBe(204);
      const answer = await send({ path: '/data/packed' });
      expect(answer.headers['content-encoding']).toBeUndefined();
      expect(answer.body.equals(value)).toBe(true);
    }
    await send({ method: 'DELETE', path: '/data/packed' });
  });
});

describe('a client that goes away', () => {
  test('in the middle of a small or large PUT stores nothing and leaves no file', async () => {
    await nothingIsStoredBy(async () => {
      for (const [length, sent] of [
        [50_000, 10_000],
        [1_900_000, 1_000_000],
      ] as const) {
        const head = `PUT /data/half HTTP/1.1\r\nhost: torua\r\ncontent-length: ${length}\r\n\r\n`;
        const socket = await begin(cluster.url, head, Buffer.alloc(sent, 66));
        if (length > 64 * 1_024) await eventually(() => expect(uploads()).toHaveLength(1));
        socket.destroy();
        await noUploadsLeft();
      }
    });
    expect((await send({ path: '/data/half' })).status).toBe(404);
  });

  test('in the middle of a large GET costs nothing', async () => {
    await put('/data/long-read', Buffer.alloc(VALUE_BYTES_MAX, 1));
    const head = 'GET /data/long-read HTTP/1.1\r\nhost: torua\r\n\r\n';
    for (let round = 0; round < 20; round += 1) (await begin(cluster.url, head)).destroy();
    expect((await send({ path: '/data/long-read' })).body).toHaveLength(VALUE_BYTES_MAX);
    await send({ method: 'DELETE', path: '/data/long-read' });
  });
});

describe('a request that nobody understands', () => {
  // @req: http.json.unknown-field, cluster.config.unknown, coord.broadcast.path, kv.put.ttl.bad, kv.list.cursor.bad, kv.get.consistency, kv.delete-range.bare, http.deadline.header
  test.each<[RawRequest, string]>([
    [{ path: '/data/k?colour=red' }, 'colour'],
    [{ path: '/data?limt=3' }, 'limt'],
    [{ path: '/data?limit=-1' }, 'limit'],
    [{ path: '/data?cursor=%21%21' }, 'cursor'],
    [{ path: '/data?prefix=%ff' }, 'percent'],
    [{ path: '/data/k?consistency=maybe' }, 'consistency'],
    [{ method: 'PUT', path: '/data/k?ttl=soon', body: 'v' }, 'ttl'],
    [{ method: 'PUT', path: '/data/k?ttl=0s', body: 'v' }, 'ttl'],
    [{ method: 'DELETE', path: '/data' }, 'prefix'],
    [{ method: 'DELETE', path: '/data?prefix=' }, 'prefix'],
    [{ method: 'DELETE', path: '/data?start=&end=' }, 'start'],
    [{ method: 'DELETE', path: '/data?prefix=a&all=true' }, 'one of'],
    [{ method: 'PUT', path: '/cluster/config', body: '{"read_onyl":true}' }, 'read_only'],
    [{ method: 'PUT', path: '/cluster/config', body: '{"dead_after":"soon"}' }, 'dead_after'],
    [{ method: 'PUT', path: '/cluster/config', body: '{"min_in_sync":2}' }, 'min_in_sync'],
    [{ method: 'PUT', path: '/cluster/config', body: '{"read_only":' }, 'JSON'],
    [{ method: 'PUT', path: '/cluster/config', body: Buffer.from([0x7b, 0xff]) }, 'UTF-8'],
    [{ method: 'PATCH', path: '/nodes/node-1', body: '{"max_shards":-1}' }, 'max_shards'],
    [{ method: 'POST', path: '/broadcast', body: '{"path":"/info","payload":{}}' }, '/control'],
    [{ method: 'POST', path: '/register', body: '{"node":{"id":"x"}}' }, 'addr'],
    [{ method: 'POST', path: '/register', body: '{"node":{"id":"a/b","addr":"h:1"}}' }, 'id'],
    [{ method: 'POST', path: '/register', body: '{"node":{"id":"x","addr":"?"}}' }, 'addr'],
    [{ path: '/data/k', headers: { 'x-torua-deadline-ms': '0' } }, 'x-torua-deadline-ms'],
    [{ path: '/_cat/nodes?h=nmae' }, 'columns'],
    [{ path: '/_cat/nodes?s=id:upwards' }, 'upwards'],
    [{ path: '/cluster/health?wait_for_status=blue' }, 'wait_for_status'],
  ])('%j is a 400 that names it', async (given, named) => {
    const before = (await send({ path: '/cluster/config' })).json;
    const answer = await send(given);
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.json.detail).toContain(named);
    expect((await send({ path: '/cluster/config' })).json).toEqual(before);
  });

  // @req: kv.method, http.method
  test.each([
    ['/data/k', 'PATCH', 'DELETE, GET, HEAD, PUT'],
    ['/store/k', 'POST', 'DELETE, GET, HEAD, PUT'],
    ['/data', 'POST', 'DELETE, GET, HEAD, PUT'],
    ['/shards', 'PUT', 'GET, HEAD'],
    ['/cluster/config', 'BREW', 'GET, HEAD, PUT'],
  ])('an unknown method on %s is a 405 with allow (%s)', async (path, method, allow) => {
    const { hostname, port } = new URL(cluster.url);
    // Not every client sends methods that HTTP parsers do not know.
    if (method === 'BREW') return expect(await rawStatus(hostname, port, path)).toMatch(/40[05]/);
    const answer = await send({ method, path });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe(allow);
    expect(answer.json.code).toBe('method_not_allowed');
  });

  // @req: http.not-found
  test('an unknown path is a 404 as a problem', async () => {
    const answer = await send({ path: '/nothing/here' });
    expect(answer).toMatchObject({ status: 404, json: { code: 'not_found' } });
  });

  // @req: coord.later.501
  test.each([
    ['POST', '/shards/0/move'],
    ['POST', '/nodes/maintenance'],
    ['POST', '/nodes/node-1/evacuate'],
    ['GET', '/nodes/node-1/evacuate'],
    ['DELETE', '/nodes/node-1/evacuate'],
    ['GET', '/cluster/rebalance'],
    ['POST', '/cluster/rebalance'],
    ['GET', '/cluster/load'],
    ['GET', '/cluster/upgrade'],
    ['POST', '/cluster/upgrade'],
    ['GET', '/_cat/allocation?v'],
    ['GET', '/_cat/recovery?format=json'],
    ['GET', '/_cat/tasks'],
  ])('%s %s is a 501 for now', async (method, path) => {
    expect(await send({ method, path })).toMatchObject({
      status: 501,
      json: { code: 'not_implemented' },
    });
  });
});

describe('a bad line in the middle of a bulk', () => {
  // @req: kv.bulk.bad-line, kv.bulk.order
  test.each([
    ['malformed', '{"op":"put","key":"bad"', 'invalid_json'],
    ['not an object', '[1]', 'invalid_request'],
    ['an unknown op', '{"op":"post","key":"bad"}', 'invalid_request'],
    ['an unknown field', '{"op":"get","key":"bad","colour":1}', 'unknown_field'],
    ['no key', '{"op":"get"}', 'invalid_request'],
    ['an empty key', '{"op":"get","key":""}', 'invalid_key'],
    ['NUL in its key', '{"op":"put","key":"a\\u0000","value":"v"}', 'invalid_key'],
    ['half a surrogate pair in its key', '{"op":"put","key":"\\ud800","value":"v"}', 'invalid_key'],
    [
      'half a surrogate pair in its value',
      '{"op":"put","key":"bad","value":"\\udc00"}',
      'invalid_request',
    ],
    ['two values', '{"op":"put","key":"bad","value":"1","value_base64":"MQ=="}', 'invalid_request'],
    ['no value', '{"op":"put","key":"bad"}', 'invalid_request'],
    ['base64 that is none', '{"op":"put","key":"bad","value_base64":"!"}', 'invalid_request'],
    [
      'a line feed in its content-type',
      '{"op":"put","key":"bad","value":"1","content_type":"a\\nb"}',
      'invalid_request',
    ],
    [
      'too many bytes',
      `{"op":"put","key":"bad","value":"${'x'.repeat(70_000)}"}`,
      'value_too_large',
    ],
  ])('with %s fails that line alone', async (_which, line, code) => {
    const body = `{"op":"put","key":"first","value":"1"}\r\n\n${line}\n  \n{"op":"get","key":"first"}`;
    const answer = await send({ method: 'POST', path: '/data/_bulk', body });
    expect(answer.status).toBe(200);
    const lines = answer.body
      .toString()
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatchObject({ key: 'first', status: 204 });
    expect(lines[1]).toMatchObject({ code });
    expect(lines[1].detail).not.toBe('');
    expect(lines[2]).toMatchObject({ key: 'first', status: 200, value: '1' });
  });
});

const uploads = (): string[] =>
  cluster.nodes.flatMap(({ id }) => {
    const copies = join(cluster.dataDir, id, 'copies');
    const folders = readdirSync(copies).map((copy) => join(copies, copy, 'blobs', 'incoming'));
    return folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
  });

const noUploadsLeft = (): Promise<void> => eventually(() => expect(uploads()).toEqual([]));

async function shardsOf(url: string): Promise<{ shards: { ID: number }[] }> {
  return (await ask(url, { path: '/info' })).json as never;
}

/** The status line of an answer to a request with a method of our own making. */
async function rawStatus(host: string, port: string, path: string): Promise<string> {
  const head = `BREW ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
  const socket = await begin(`http://${host}:${port}`, head);
  let text = '';
  for await (const piece of socket) text += String(piece);
  return text.split('\r\n', 1)[0] ?? '';
}
