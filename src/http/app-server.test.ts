/** What only a real socket can show: bytes that are no HTTP, slow and vanishing clients, large bodies, shutdown. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { optionsOf } from '../../test/http/app-fixture.ts';
import { createApp } from './app.ts';
import type { HttpLimits } from './app-options.ts';
import { listen } from './listen.ts';
import { type BodyKind, bodyBytesOrStream, rawBody } from './route-info.ts';
import { userRoute } from './user-route.ts';

const apps: FastifyInstance[] = [];
const MIB = 1024 * 1024;

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

interface Server {
  readonly url: string;
  readonly port: number;
  readonly app: FastifyInstance;
  /** What routes saw of bodies that failed. */
  readonly failures: unknown[];
}

const common = { access: 'write', tag: 't', summary: 's' } as const;

async function start(limits: Partial<HttpLimits> = {}): Promise<Server> {
  const app = await createApp(optionsOf({ limits }));
  apps.push(app);
  const failures: unknown[] = [];
  bodyRoutes(app, (body) => lengthOf(body, failures));
  answerRoutes(app);
  const { url, port } = await listen(app, {
    address: '127.0.0.1:0',
    variable: 'X',
    print: () => {},
  });
  return { url, port, app, failures };
}

async function lengthOf(body: Readable, failures: unknown[]): Promise<number> {
  let length = 0;
  try {
    for await (const chunk of body) length += (chunk as Buffer).length;
  } catch (error) {
    failures.push(error);
    throw error;
  }
  return length;
}

function bodyRoutes(app: FastifyInstance, count: (body: Readable) => Promise<number>): void {
  const put = (name: string, bodyKind: BodyKind, bodyBytesMax: number) =>
    ({
      ...common,
      method: 'PUT',
      url: `/${name}`,
      operation: name,
      bodyKind,
      bodyBytesMax,
    }) as const;
  userRoute(app, put('either', 'either', 4 * MIB), async (request) => {
    const body = bodyBytesOrStream(request);
    return Buffer.isBuffer(body)
      ? { form: 'bytes', length: body.length }
      : { form: 'stream', length: await count(body) };
  });
  userRoute(app, put('stream', 'stream', 4 * MIB), async (request) => ({
    length: await count(rawBody(request) ?? Readable.from([])),
  }));
  userRoute(app, put('small', 'bytes', 1_000), () => ({ ok: true }));
  userRoute(app, put('ignores', 'stream', 64 * MIB), () => ({ ok: true }));
}

function answerRoutes(app: FastifyInstance): void {
  const get = (name: string) =>
    ({ ...common, method: 'GET', url: `/${name}`, operation: name }) as const;
  userRoute(app, get('large'), (_request, reply) =>
    reply.type('image/png').send(Buffer.alloc(64 * MIB)),
  );
  userRoute(app, get('lines'), (_request, reply) =>
    reply.type('application/x-ndjson').send(Readable.from(['{"a":1}\n', '{"a":2}\n'])),
  );
}

/** Writes raw bytes and gives everything that comes back until the server closes. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  return textOf(socket);
}

async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds())
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
}

const put = (
  url: string,
  body: Buffer | ReadableStream | Readable,
  headers: Record<string, string> = {},
) => fetch(url, { method: 'PUT', body: body as never, headers, duplex: 'half' } as RequestInit);

test.each([
  ['bytes that are no HTTP', 'hello\r\n\r\n', 400, 'invalid_request'],
  [
    'a method nobody knows on a known path',
    'FOO /livez HTTP/1.1\r\nhost: x\r\n\r\n',
    405,
    'method_not_allowed',
  ],
  [
    'a method nobody knows on an unknown path',
    'FOO /nope HTTP/1.1\r\nhost: x\r\n\r\n',
    404,
    'not_found',
  ],
  ['CONNECT', 'CONNECT host:80 HTTP/1.1\r\nhost: x\r\n\r\n', 404, 'not_found'],
  [
    'headers over the limit',
    `GET /livez HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`,
    431,
    'headers_too_large',
  ],
  [
    'a broken chunk',
    'PUT /small HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    400,
    'invalid_request',
  ],
] as const)('%s get a problem before the connection ends', async (_name, bytes, status, code) => {
  const { port } = await start();
  const answer = await exchange(port, bytes);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(answer).toContain('content-type: application/problem+json');
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject({ status, code });
  if (status === 405) expect(answer).toContain('allow: GET, HEAD');
});

test('headers that do not arrive in time get 408', async () => {
  const { port } = await start({ headersMs: 50 });
  expect(await exchange(port, 'GET /livez HTTP/1.1\r\nhost: x\r\n')).toMatch(
    /^HTTP\/1.1 408 .*request_timed_out/s,
  );
});

test('a body that stops coming gets 408, and the route never sees it', async () => {
  const { port } = await start({ idleMs: 80 });
  expect(
    await exchange(port, 'PUT /small HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc'),
  ).toMatch(/^HTTP\/1.1 408 .*request_timed_out/s);
});

test('a streamed body that stops coming fails with 408', async () => {
  const { port, failures } = await start({ idleMs: 80 });
  expect(
    await exchange(
      port,
      'PUT /stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10\r\n\r\nabc',
    ),
  ).toMatch(/^HTTP\/1.1 408 /);
  expect(failures).toMatchObject([{ code: 'request_timed_out' }]);
});

test('a client that disconnects in the middle of a streamed body fails the stream', async () => {
  const { port, failures } = await start();
  const socket = connect(port, '127.0.0.1');
  socket.write('PUT /stream HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc', () =>
    socket.destroy(),
  );
  await eventually(() => failures.length > 0);
  expect(failures).toMatchObject([{ code: 'invalid_request' }]);
});

test('a client that disconnects in the middle of a packed body fails the stream', async () => {
  const { port, failures } = await start();
  const head =
    'PUT /stream HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: 1000\r\n\r\n';
  const socket = connect(port, '127.0.0.1');
  socket.write(head);
  socket.write(gzipSync('abc').subarray(0, 15), () => socket.destroy());
  await eventually(() => failures.length > 0);
  expect(failures).toMatchObject([{ code: 'invalid_request' }]);
});

test('a client that takes nothing of a long answer is given up', async () => {
  const { port } = await start({ idleMs: 80 });
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  socket.write('GET /large HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(socket, 'readable');
  // Nothing is read until the server has let go; then the rest of what was in flight is far from all.
  await eventually(() => socket.readableLength > 0);
  const gone = (): Promise<number> =>
    new Promise((resolve) => {
      apps[0]?.server.getConnections((_error, count) => resolve(count));
    });
  while ((await gone()) > 0)
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  let length = 0;
  socket.on('data', (chunk: Buffer) => {
    length += chunk.length;
  });
  await once(socket, 'close');
  expect(length).toBeLessThan(32 * MIB);
});

test('small bodies come as bytes, large ones as a stream, with and without a length, packed or not', async () => {
  const { url } = await start();
  const chunked = (length: number) =>
    Readable.from([Buffer.alloc(length / 2), Buffer.alloc(length / 2)]);
  const cases: [Buffer | Readable, Record<string, string>, string, number][] = [
    [Buffer.alloc(0), {}, 'bytes', 0],
    [Buffer.alloc(65_536), {}, 'bytes', 65_536],
    [Buffer.alloc(65_537), {}, 'stream', 65_537],
    [Buffer.alloc(3 * MIB, 'ab'), {}, 'stream', 3 * MIB],
    [chunked(1_000), {}, 'bytes', 1_000],
    [chunked(2 * MIB), {}, 'stream', 2 * MIB],
    [gzipSync(Buffer.alloc(1_000)), { 'content-encoding': 'gzip' }, 'bytes', 1_000],
    [gzipSync(Buffer.alloc(3 * MIB)), { 'content-encoding': 'gzip' }, 'stream', 3 * MIB],
  ];
  for (const [body, headers, form, length] of cases) {
    expect(await (await put(`${url}/either`, body, headers)).json()).toEqual({ form, length });
  }
});

test.each(['/either', '/stream'])(
  'a body over the limit of %s is 413 in every disguise, and the client reads it',
  async (path) => {
    const { url } = await start();
    const packed = gzipSync(Buffer.alloc(40 * MIB));
    for (const [body, headers] of [
      [Buffer.alloc(5 * MIB), {}],
      [Readable.from(Array.from({ length: 6 }, () => Buffer.alloc(MIB))), {}],
      [packed, { 'content-encoding': 'gzip' }],
    ] as const) {
      const answer = await put(`${url}${path}`, body as Buffer, headers as Record<string, string>);
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
        413,
        'value_too_large',
      ]);
    }
    expect(await (await put(`${url}${path}`, Buffer.alloc(4 * MIB))).json()).toMatchObject({
      length: 4 * MIB,
    });
  },
);

test('a streamed body that is not gzip is invalid_encoding, to its route and to the client', async () => {
  const { url, failures } = await start();
  const answer = await put(`${url}/stream`, Buffer.from('plain'), { 'content-encoding': 'gzip' });
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
    400,
    'invalid_encoding',
  ]);
  expect(failures).toMatchObject([{ code: 'invalid_encoding' }]);
});

test('a body that its route ignores does not stand in the way of the answer', async () => {
  const { url } = await start();
  expect((await put(`${url}/ignores`, Buffer.alloc(20 * MIB))).status).toBe(200);
});

test('a stream is packed when the client asks, line by line', async () => {
  const { url } = await start();
  const answer = await fetch(`${url}/lines`, { headers: { 'accept-encoding': 'gzip' } });
  expect(answer.headers.get('content-encoding')).toBe('gzip');
  expect(await answer.text()).toBe('{"a":1}\n{"a":2}\n');
});

test('traffic and connections are counted', async () => {
  const { url } = await start();
  await put(`${url}/small`, Buffer.alloc(500));
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(
    Number(/torua_network_traffic_bytes_total\{direction="received"\} (\d+)/.exec(text)?.[1]),
  ).toBeGreaterThan(600);
  expect(Number(/torua_connections_count (\d+)/.exec(text)?.[1])).toBeGreaterThan(0);
});

test('closing lets requests end, refuses new ones on open connections, and then nobody answers', async () => {
  const { port, url, app } = await start();
  const socket = connect(port, '127.0.0.1');
  const answers = textOf(socket);
  socket.write('PUT /stream HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc');
  await eventually(() => app.server.connections !== 0 && socket.bytesWritten > 0);
  await (await fetch(`${url}/livez`)).text();
  const closing = app.close();
  socket.write('defPUT /small HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
  const text = await answers;
  expect(text).toContain('{"length":6}');
  await closing;
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
});
