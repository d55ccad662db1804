/** What the base application does for its process: internal routes, probes, document, metrics, log, overload. */
import { describe, expect, test } from 'vitest';
import { appOf, optionsOf, problemOf, TRACEPARENT } from '../../test/http/app-fixture.ts';
import { ToruaError } from '../kernel/errors.ts';
import { type Logger, silentLogger } from '../kernel/logger.ts';
import { createApp } from './app.ts';
import { userRoute } from './user-route.ts';

describe('internal routes', () => {
  const echo = { method: 'POST', url: '/internal/v1/echo', payload: 'x' } as const;
  const protocol = { 'x-torua-protocol': '1' };

  test('without a token only loopback peers pass', async () => {
    const app = await appOf();
    expect((await app.inject({ ...echo, headers: protocol })).body).toBe('x');
    expect(
      (await app.inject({ ...echo, headers: protocol, remoteAddress: '::ffff:127.0.0.1' }))
        .statusCode,
    ).toBe(200);
    const far = await app.inject({ ...echo, headers: protocol, remoteAddress: '10.0.0.7' });
    expect(problemOf(far)).toMatchObject({ status: 403, code: 'cluster_token_required' });
    expect(problemOf(far).detail).toContain('CLUSTER_TOKEN');
  });

  test('with a token it decides, wherever the peer is', async () => {
    const app = await appOf({ clusterToken: 'secret' });
    const call = (token: string | undefined, remoteAddress: string) =>
      app.inject({
        ...echo,
        remoteAddress,
        headers: {
          ...protocol,
          ...(token === undefined ? {} : { 'x-torua-cluster-token': token }),
        },
      });
    expect((await call('secret', '10.0.0.7')).statusCode).toBe(200);
    for (const wrong of [undefined, '', 'secre', 'secret2', 'SECRET']) {
      expect(problemOf(await call(wrong, '127.0.0.1'))).toMatchObject({
        code: 'cluster_token_required',
      });
    }
  });

  // @req: node.internal.versioned
  test('an old, a missing and a senseless protocol version are refused with both versions', async () => {
    const app = await appOf();
    for (const headers of [{}, { 'x-torua-protocol': '0' }, { 'x-torua-protocol': 'x' }]) {
      expect(problemOf(await app.inject({ ...echo, headers }))).toMatchObject({
        status: 426,
        code: 'protocol_too_old',
        protocol_version: 1,
        min_supported: 1,
      });
    }
    expect((await app.inject({ ...echo, headers: { 'x-torua-protocol': '99' } })).statusCode).toBe(
      200,
    );
  });

  test("registration works without a version, as the original's clients do it, and says what is wrong with bad JSON", async () => {
    const app = await appOf();
    expect(
      (await app.inject({ method: 'POST', url: '/register', payload: '{"a":1}' })).json(),
    ).toEqual({ a: 1 });
    expect(
      problemOf(await app.inject({ method: 'POST', url: '/register', payload: '{' })),
    ).toMatchObject({ code: 'invalid_json' });
  });

  test('they are not in the API document', async () => {
    expect(
      (await (await appOf()).inject({ method: 'GET', url: '/openapi.json' })).body,
    ).not.toMatch(/internal|register/);
  });
});

describe('the process', () => {
  // @req: http.access.declared
  test('a route without access makes the declaration throw', async () => {
    const app = await createApp(optionsOf());
    expect(() => app.get('/open', () => 'x')).toThrow(
      /GET,?.* \/open does not declare config.access/,
    );
  });

  test('probes answer what the process says', async () => {
    const refusal = new ToruaError('waiting_for_assignment', 'Waiting for 2 more nodes.', {
      fields: { nodes: 1, min_nodes: 3 },
    });
    const app = await appOf({
      probes: {
        readiness: () => refusal,
        health: () => ({
          cluster: { nodes: 1, shards: 0, replicas: 0, state: 'red' },
          reasons: ['x'],
        }),
      },
    });
    expect((await app.inject('/livez')).json()).toEqual({ status: 'alive' });
    const ready = await app.inject('/readyz');
    expect(problemOf(ready)).toMatchObject({
      status: 503,
      code: 'waiting_for_assignment',
      nodes: 1,
      min_nodes: 3,
    });
    expect(ready.headers['retry-after']).toBe('1');
    const health = await app.inject('/health');
    expect(health.statusCode).toBe(503);
    expect(health.json()).toMatchObject({
      status: 'unhealthy',
      version: '1.2.3',
      cluster: { state: 'red' },
      metrics: { qps: expect.any(Number) },
      reasons: ['Waiting for 2 more nodes.', 'x'],
    });
    expect((await (await appOf()).inject('/health')).json()).toMatchObject({
      status: 'healthy',
      reasons: [],
    });
    expect((await app.inject('/version')).json()).toMatchObject({
      version: '1.2.3',
      protocol_version: 1,
    });
  });

  test('the table of errors is served', async () => {
    const { errors } = (await (await appOf()).inject('/errors')).json() as {
      errors: { code: string; status: number }[];
    };
    expect(errors.find(({ code }) => code === 'key_not_found')).toMatchObject({
      status: 404,
      retryable: false,
    });
  });

  test('the API document is OpenAPI 3.1 from the schemas, and has a page', async () => {
    const app = await appOf();
    const document = (await app.inject('/openapi.json')).json();
    expect(document.openapi).toBe('3.1.0');
    expect(document.paths['/things/{id}'].post).toMatchObject({
      operationId: 'thing',
      tags: ['things'],
      requestBody: { content: { 'application/json': { schema: { required: ['name'] } } } },
    });
    expect((await app.inject('/docs')).statusCode).toBe(200);
    expect((await app.inject('/docs/json')).statusCode).toBe(200);
  });

  test('requests, errors and latency are counted by operation, status and code', async () => {
    const app = await appOf();
    await app.inject({ method: 'POST', url: '/things/1', payload: { name: 'n' } });
    await app.inject({ method: 'POST', url: '/things/1', payload: {} });
    await app.inject('/nope');
    const { body } = await app.inject('/metrics');
    expect(body).toContain('torua_requests_total{operation="thing",status="200"} 1');
    expect(body).toContain('torua_requests_total{operation="thing",status="400"} 1');
    expect(body).toContain('torua_requests_total{operation="none",status="404"} 1');
    expect(body).toContain('torua_errors_total{type="invalid_request"} 1');
    expect(body).toContain('torua_request_latency_seconds_count 3');
    expect(body).toContain('torua_requests_in_flight 1');
    expect(body).toMatch(/torua_heap_usage_bytes\{component="resident"\} \d{6,}/);
  });

  test('one ordinary request of a hundred is logged, each 5xx, and all at debug', async () => {
    const lines: [string, Record<string, unknown>][] = [];
    let debug = false;
    const logger: Logger = {
      ...silentLogger,
      info: (fields, message) => lines.push([message, fields as Record<string, unknown>]),
      warn: (fields, message) => lines.push([message, fields as Record<string, unknown>]),
      debug: (fields, message) => lines.push([message, fields as Record<string, unknown>]),
      debugEnabled: () => debug,
    };
    const app = await appOf({ logger });
    for (let count = 0; count < 200; count += 1)
      await app.inject({ url: '/livez', headers: { traceparent: TRACEPARENT } });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject([
      'request',
      {
        method: 'GET',
        path: '/livez',
        operation: 'livez',
        status: 200,
        traceId: TRACEPARENT.slice(3, 35),
      },
    ]);
    await app.inject('/fail/overloaded');
    expect(lines[2]).toMatchObject(['request failed', { status: 503, operation: 'fail' }]);
    debug = true;
    await app.inject('/livez?secret=1');
    expect(lines[3]).toMatchObject(['request', { path: '/livez' }]);
  });

  test('over the bound of requests in flight users are refused, probes are not', async () => {
    const app = await createApp(optionsOf({ limits: { requestsMax: 2 } }));
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    userRoute(
      app,
      { method: 'GET', url: '/slow', access: 'read', operation: 'slow', tag: 't', summary: 's' },
      () => gate.then(() => ({ done: true })),
    );
    const slow = [app.inject('/slow'), app.inject('/slow')];
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    const third = await app.inject('/slow');
    expect(problemOf(third)).toMatchObject({ status: 503, code: 'overloaded' });
    expect(third.headers['retry-after']).toBe('1');
    expect((await app.inject('/livez')).statusCode).toBe(200);
    open();
    expect((await Promise.all(slow)).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    expect((await app.inject('/slow')).statusCode).toBe(200);
  });
});

// @req: limits.loop.metric
test('while the event loop lags users are refused with retry-after, and probes are served', async () => {
  const app = await appOf({ limits: { eventLoopDelayMsMax: 5 } });
  const lagUntil = performance.now() + 1_300;
  while (performance.now() < lagUntil) {
    const blockedUntil = performance.now() + 60;
    while (performance.now() < blockedUntil);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  const refused = await app.inject('/context');
  expect(problemOf(refused)).toMatchObject({ status: 503, code: 'overloaded' });
  expect(refused.headers['retry-after']).toBe('1');
  expect((await app.inject('/livez')).statusCode).toBe(200);
  expect((await app.inject('/metrics')).body).toMatch(/torua_event_loop_delay_seconds 0\.0\d/);
  await app.close();
});
