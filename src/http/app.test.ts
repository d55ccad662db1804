import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { appOf, problemOf, TRACEPARENT } from '../../test/http/app-fixture.ts';
import { type Logger, silentLogger } from '../kernel/logger.ts';

describe('refusals', () => {
  const app = appOf();
  const json = { 'content-type': 'application/json' };

  test.each([
    ['an unknown path', { method: 'GET', url: '/nope' }, 404, 'not_found'],
    ['another method', { method: 'DELETE', url: '/livez' }, 405, 'method_not_allowed'],
    [
      'a method no router knows',
      { method: 'PROPFIND', url: '/things/1' },
      405,
      'method_not_allowed',
    ],
    [
      'a method no router knows on an unknown path',
      { method: 'PROPFIND', url: '/nope' },
      404,
      'not_found',
    ],
    ['bad percent-encoding', { method: 'GET', url: '/%zz' }, 400, 'invalid_request'],
    ['bad percent-encoding in a key', { method: 'GET', url: '/data/%zz' }, 400, 'invalid_key'],
    [
      'broken JSON',
      { method: 'POST', url: '/things/1', headers: json, payload: '{' },
      400,
      'invalid_json',
    ],
    [
      'JSON that is not UTF-8',
      { method: 'POST', url: '/things/1', headers: json, payload: Buffer.from([0x22, 0xff, 0x22]) },
      400,
      'invalid_json',
    ],
    [
      'a content-type that is not JSON',
      {
        method: 'POST',
        url: '/things/1',
        headers: { 'content-type': 'text/xml' },
        payload: '<a/>',
      },
      415,
      'unsupported_media_type',
    ],
    [
      'a content-type that is none, where JSON is wanted',
      { method: 'POST', url: '/things/1', headers: { 'content-type': 'foo' }, payload: '{}' },
      415,
      'unsupported_media_type',
    ],
    [
      'an unknown field of the body',
      { method: 'POST', url: '/things/1', payload: { name: 'n', extra: 1 } },
      400,
      'unknown_field',
    ],
    [
      'an unknown field of the query',
      { method: 'POST', url: '/things/1?x=1', payload: { name: 'n' } },
      400,
      'unknown_field',
    ],
    ['a query where none is known', { method: 'GET', url: '/livez?x=1' }, 400, 'unknown_field'],
    [
      'a field of the wrong type',
      { method: 'POST', url: '/things/1', payload: { name: 1 } },
      400,
      'invalid_request',
    ],
    ['a missing body', { method: 'POST', url: '/things/1' }, 400, 'invalid_request'],
    [
      'a path parameter of the wrong type',
      { method: 'POST', url: '/things/x', payload: { name: 'n' } },
      400,
      'invalid_request',
    ],
    [
      'a body over the limit',
      { method: 'PUT', url: '/bytes/k', payload: Buffer.alloc(1_001) },
      413,
      'value_too_large',
    ],
    [
      'a gzip bomb',
      {
        method: 'PUT',
        url: '/bytes/k',
        headers: { 'content-encoding': 'gzip' },
        payload: gzipSync(Buffer.alloc(100_000)),
      },
      413,
      'value_too_large',
    ],
    [
      'a body that is not gzip',
      { method: 'PUT', url: '/bytes/k', headers: { 'content-encoding': 'gzip' }, payload: 'plain' },
      400,
      'invalid_encoding',
    ],
    [
      'gzip cut short',
      {
        method: 'PUT',
        url: '/bytes/k',
        headers: { 'content-encoding': 'gzip' },
        payload: gzipSync('hello').subarray(0, -5),
      },
      400,
      'invalid_encoding',
    ],
    [
      'another encoding',
      { method: 'PUT', url: '/bytes/k', headers: { 'content-encoding': 'br' }, payload: 'x' },
      415,
      'unsupported_encoding',
    ],
    [
      'a deadline of 0',
      { method: 'GET', url: '/livez', headers: { 'x-torua-deadline-ms': '0' } },
      400,
      'invalid_request',
    ],
    [
      'a deadline over ten minutes',
      { method: 'GET', url: '/livez', headers: { 'x-torua-deadline-ms': '600001' } },
      400,
      'invalid_request',
    ],
    [
      'a deadline that is no number',
      { method: 'GET', url: '/livez', headers: { 'x-torua-deadline-ms': '5s' } },
      400,
      'invalid_request',
    ],
    [
      'an answer that does not match its schema',
      { method: 'GET', url: '/lie' },
      500,
      'invariant_broken',
    ],
    [
      'a segment that is too long',
      { method: 'POST', url: `/things/${'9'.repeat(5_000)}`, payload: {} },
      400,
      'invalid_request',
    ],
  ] as const)('%s is a problem with its code', async (_name, request, status, code) => {
    const answer = await (await app).inject(request as never);
    expect(problemOf(answer)).toMatchObject({
      status,
      code,
      type: `/errors#${code}`,
      request_id: answer.headers['x-request-id'],
    });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  });

  test('405 lists the methods of the path, on aliases and patterns too', async () => {
    expect((await (await app).inject({ method: 'GET', url: '/stuff/1' })).headers.allow).toBe(
      'POST',
    );
    expect((await (await app).inject({ method: 'POST', url: '/livez' })).headers.allow).toBe(
      'GET, HEAD',
    );
    expect((await (await app).inject({ method: 'GET', url: '/bytes/a/b' })).headers.allow).toBe(
      'PUT',
    );
  });

  test('a misspelt field is named, with the near one, at any depth', async () => {
    const answer = await (await app).inject({
      method: 'POST',
      url: '/things/1',
      payload: { name: 'n', inner: [{ size: 1 }, { siz: 1, size: 2 }] },
    });
    expect(problemOf(answer)).toMatchObject({
      detail: 'The body has the unknown field inner.1.siz; did you mean size?',
      field: 'inner.1.siz',
    });
    const query = await (await app).inject({
      method: 'POST',
      url: '/things/1?dep=1',
      payload: { name: 'n' },
    });
    expect(problemOf(query).detail).toBe('The query has the unknown field dep; did you mean deep?');
  });

  test('what was thrown carries its fields and retry-after', async () => {
    const answer = await (await app).inject({ method: 'GET', url: '/fail/overloaded' });
    expect(answer.headers['retry-after']).toBe('2');
    expect(problemOf(answer)).toMatchObject({
      code: 'overloaded',
      status: 503,
      retryable: true,
      shard_id: 3,
      retry_after_ms: 1_500,
      detail: 'Named.',
      instance: '/fail/overloaded',
    });
  });

  test('a bug is a 500 that gives nothing away, and its cause is logged', async () => {
    const logged: object[] = [];
    const logger: Logger = { ...silentLogger, error: (fields) => logged.push(fields) };
    const answer = await (await appOf({ logger })).inject({ method: 'GET', url: '/fail/bug' });
    expect(problemOf(answer)).toMatchObject({ code: 'internal_error', status: 500 });
    expect(answer.body).not.toContain('secret');
    expect(answer.body).not.toContain('.ts');
    expect(logged).toMatchObject([
      { code: 'internal_error', err: { message: 'secret internals' } },
    ]);
  });
});

describe('requests', () => {
  test("the caller's request id and trace come back and reach the route; bad ones are replaced", async () => {
    const app = await appOf();
    const sane = await app.inject({
      method: 'GET',
      url: '/context',
      headers: {
        'x-request-id': 'my-id.1',
        traceparent: TRACEPARENT,
        'x-torua-deadline-ms': '7000',
      },
    });
    expect(sane.json()).toEqual({ id: 'my-id.1', trace: TRACEPARENT, remaining: 7 });
    expect(sane.headers['x-request-id']).toBe('my-id.1');
    const odd = await app.inject({
      method: 'GET',
      url: '/context',
      headers: { 'x-request-id': 'a b\tc', traceparent: 'x' },
    });
    expect(odd.json()).toEqual({ id: 'abcd-1', remaining: 10 });
  });

  test('JSON is read from what curl calls a form, from no content-type, and gzipped', async () => {
    const app = await appOf();
    for (const headers of [
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-type': 'application/vnd.x+json' },
      {},
    ]) {
      expect(
        (
          await app.inject({
            method: 'POST',
            url: '/things/1',
            headers,
            payload: Buffer.from('{"name":"n"}'),
          })
        ).statusCode,
      ).toBe(200);
    }
    const packed = await app.inject({
      method: 'POST',
      url: '/things/1',
      headers: { 'content-encoding': 'gzip' },
      payload: gzipSync('{"name":"packed"}'),
    });
    expect(packed.json()).toEqual({ id: 1, name: 'packed' });
  });

  test('a route for bytes takes any content-type, also one that is none, and no body at all', async () => {
    const app = await appOf();
    for (const type of ['foo', 'a/b; c', ';', 'application/json', 'text/ä']) {
      const answer = await app.inject({
        method: 'PUT',
        url: '/bytes/k',
        headers: { 'content-type': type },
        payload: '{"a"',
      });
      expect([type, answer.statusCode, answer.body]).toEqual([type, 200, '{"a"']);
      if (type === 'foo') expect(answer.headers['x-type']).toBe('foo');
    }
    expect((await app.inject({ method: 'PUT', url: '/bytes/k' })).statusCode).toBe(200);
    expect(
      (await app.inject({ method: 'PUT', url: '/bytes/k', payload: Buffer.alloc(1_000) }))
        .rawPayload,
    ).toHaveLength(1_000);
  });

  test('?pretty indents JSON answers and errors, and is no unknown field', async () => {
    const app = await appOf();
    const answer = await app.inject({ method: 'GET', url: '/livez?pretty' });
    expect(answer.body).toBe('{\n  "status": "alive"\n}\n');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect((await app.inject({ method: 'GET', url: '/nope?pretty' })).body).toContain(
      '\n  "code": "not_found"',
    );
    expect((await app.inject({ method: 'GET', url: '/livez?pretty=false' })).body).toBe(
      '{"status":"alive"}',
    );
    expect((await app.inject({ method: 'GET', url: '/text?pretty' })).body).toHaveLength(10_000);
    const bytes = await app.inject({ method: 'PUT', url: '/bytes/k?pretty', payload: 'raw' });
    expect([bytes.body, bytes.headers['content-type']]).toEqual([
      'raw',
      'application/octet-stream',
    ]);
  });
});

describe('compression', () => {
  const app = appOf();
  const gzip = { 'accept-encoding': 'br, gzip;q=0.5' };

  test('an answer over 8 KiB is packed when the client asks', async () => {
    const answer = await (await app).inject({ method: 'GET', url: '/text', headers: gzip });
    expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'accept-encoding' });
    expect(gunzipSync(answer.rawPayload).toString()).toBe('x'.repeat(10_000));
  });

  test.each([
    ['the client does not ask', '/text', {}],
    ['the client forbids it', '/text', { 'accept-encoding': 'gzip;q=0, br' }],
    ['the bytes are packed already', '/packed', gzip],
    ['the content-type is packed by nature', '/image', gzip],
    ['the route opted out', '/raw', gzip],
    ['it is short', '/livez', gzip],
  ])('an answer stays as it is when %s', async (_why, url, headers) => {
    const answer = await (await app).inject({ method: 'GET', url, headers });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-encoding']).toBeUndefined();
  });
});
