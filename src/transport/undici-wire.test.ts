/** The production wire against real sockets: what each kind of trouble becomes, and what each request carries. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../kernel/clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import type { PeerLimits } from './peer.ts';
import { createPeers, type Peers } from './peers.ts';
import { createUndiciWire } from './undici-wire.ts';
import type { Wire } from './wire.ts';

const servers: Server[] = [];
const allPeers: Peers[] = [];
const sockets = new Set<Socket>();

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(allPeers.splice(0).map((peers) => peers.close()));
  await Promise.all(
    servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))),
  );
});

async function listening(server: Server): Promise<string> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const httpServer = (handler: (request: IncomingMessage, response: ServerResponse) => void) =>
  listening(createServer(handler));
const tcpServer = (handler: (socket: Socket) => void) => listening(createTcpServer(handler));

function wireOf(limits: Partial<PeerLimits> = {}, token?: string): { wire: Wire; peers: Peers } {
  const peers = createPeers(limits);
  allPeers.push(peers);
  return { wire: createUndiciWire({ clock: systemClock, peers, token }), peers };
}

const send = (wire: Wire, address: string, budgetMs = 5_000) =>
  wire.send(
    { address, method: 'POST', path: '/p', body: Buffer.from('hello') },
    deadlineIn(systemClock, budgetMs),
  );

// @req: node.internal.versioned
test('a request carries body, token, protocol, deadline, id and trace; any status is an answer', async () => {
  let seen: Record<string, unknown> = {};
  const address = await httpServer((request, response) => {
    let body = '';
    request
      .on('data', (chunk) => {
        body += chunk;
      })
      .on('end', () => {
        seen = { ...request.headers, body, method: request.method, url: request.url };
        response.statusCode = 409;
        response.end('{"code":"stale_term"}');
      });
  });
  const { wire } = wireOf({}, 'secret');
  const answer = await wire.send(
    {
      address,
      method: 'POST',
      path: '/p',
      body: Buffer.from('hello'),
      contentType: 'x/y',
      requestId: 'r1',
      traceparent: 't1',
    },
    deadlineIn(systemClock, 5_000),
  );
  expect(answer).toEqual({ status: 409, body: Buffer.from('{"code":"stale_term"}') });
  expect(seen).toMatchObject({
    method: 'POST',
    url: '/p',
    body: 'hello',
    'content-type': 'x/y',
    'x-torua-cluster-token': 'secret',
    'x-torua-protocol': '1',
    'x-request-id': 'r1',
    traceparent: 't1',
  });
  expect(Number(seen['x-torua-deadline-ms'])).toBeGreaterThan(4_000);
  expect(Number(seen['x-torua-deadline-ms'])).toBeLessThanOrEqual(5_000);
});

test('a peer that is not there is node_unreachable, and nothing was sent', async () => {
  const address = await tcpServer(() => {});
  await new Promise((resolve) => {
    servers.pop()?.close(resolve);
  });
  await expect(send(wireOf().wire, address)).rejects.toMatchObject({
    code: 'node_unreachable',
    fields: { sent: false },
  });
});

test('a peer that hangs up instead of answering is node_unreachable, and it may have acted', async () => {
  const address = await tcpServer((socket) => socket.once('data', () => socket.destroy()));
  await expect(send(wireOf().wire, address)).rejects.toMatchObject({
    code: 'node_unreachable',
    fields: { sent: true },
  });
});

test('a peer that hangs is deadline_exceeded in time, sent', async () => {
  const address = await httpServer(() => {});
  await expect(send(wireOf().wire, address, 50)).rejects.toMatchObject({
    code: 'deadline_exceeded',
    fields: { sent: true },
  });
});

test('an answer that stops in the middle is deadline_exceeded, one that is cut is node_unreachable', async () => {
  const hanging = await httpServer((_request, response) => {
    response.writeHead(200, { 'content-length': '10' });
    response.write('abc');
  });
  await expect(send(wireOf().wire, hanging, 80)).rejects.toMatchObject({
    code: 'deadline_exceeded',
    fields: { sent: true },
  });
  const cut = await httpServer((_request, response) => {
    response.writeHead(200, { 'content-length': '10' });
    response.write('abc', () => response.destroy());
  });
  await expect(send(wireOf().wire, cut)).rejects.toMatchObject({
    code: 'node_unreachable',
    fields: { sent: true },
  });
});

test('garbage instead of HTTP and an answer over the limit are bad_node_answer', async () => {
  const garbage = await tcpServer((socket) =>
    socket.once('data', () => socket.end('SSH-2.0-nope\r\n\r\n')),
  );
  await expect(send(wireOf().wire, garbage)).rejects.toMatchObject({
    code: 'bad_node_answer',
    fields: { sent: true },
  });
  const long = await httpServer((_request, response) => response.end(Buffer.alloc(2_000)));
  await expect(send(wireOf({ answerBytesMax: 1_000 }).wire, long)).rejects.toMatchObject({
    code: 'bad_node_answer',
  });
});

test('a deadline that is over already sends nothing; one that ends in the queue does not reach the peer', async () => {
  let requests = 0;
  const answers: ServerResponse[] = [];
  const address = await httpServer((_request, response) => {
    requests += 1;
    answers.push(response);
  });
  const { wire } = wireOf({ connectionsMax: 1 });
  await expect(send(wire, address, 0)).rejects.toMatchObject({
    code: 'deadline_exceeded',
    fields: { sent: false },
  });
  const first = send(wire, address);
  await expect(send(wire, address, 60)).rejects.toMatchObject({
    code: 'deadline_exceeded',
    fields: { sent: false },
  });
  answers[0]?.end('1');
  await first;
  const third = send(wire, address);
  while (answers.length < 2)
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  answers[1]?.end('3');
  expect((await third).body.toString()).toBe('3');
  expect(requests).toBe(2);
});

test('more requests than one address may have are overloaded', async () => {
  const address = await httpServer(() => {});
  const { wire } = wireOf({ requestsMax: 1 });
  const first = send(wire, address, 60);
  await expect(send(wire, address)).rejects.toMatchObject({ code: 'overloaded' });
  await expect(first).rejects.toMatchObject({ code: 'deadline_exceeded' });
});

// @req: kv.breaker
test('the circuit opens after failures in a row, refuses without asking, and closes when the peer is back', async () => {
  const address = await tcpServer(() => {});
  const { port } = new URL(address);
  await new Promise((resolve) => {
    servers.pop()?.close(resolve);
  });
  const { wire, peers } = wireOf({ breakerFailures: 3, breakerOpenMs: 50 });
  for (let attempt = 0; attempt < 3; attempt += 1)
    await expect(send(wire, address)).rejects.toMatchObject({ code: 'node_unreachable' });
  expect(peers.circuitsOpen()).toBe(1);
  await expect(send(wire, address)).rejects.toMatchObject({
    code: 'node_unreachable',
    detail: expect.stringContaining('several times in a row'),
    retryAfterMs: 1_000,
    fields: { sent: false },
  });
  const server = createServer((_request, response) => response.end('back'));
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(Number(port), '127.0.0.1', resolve);
  });
  let answer: string | undefined;
  while (answer === undefined)
    answer = await send(wire, address).then(
      ({ body }) => body.toString(),
      () => undefined,
    );
  expect(answer).toBe('back');
  expect(peers.circuitsOpen()).toBe(0);
});

test('deadlines do not open the circuit: one impatient caller must not lock out the others', async () => {
  const address = await httpServer(() => {});
  const { wire, peers } = wireOf({ breakerFailures: 2 });
  for (let attempt = 0; attempt < 4; attempt += 1)
    await expect(send(wire, address, 5)).rejects.toMatchObject({ code: 'deadline_exceeded' });
  expect(peers.circuitsOpen()).toBe(0);
});

test('what is no address is node_unreachable, and pools of addresses that vanished are closed', async () => {
  const { wire, peers } = wireOf();
  for (const address of ['nonsense', 'ftp://x', 'http://x/path']) {
    await expect(send(wire, address)).rejects.toMatchObject({ code: 'node_unreachable' });
  }
  let connections = 0;
  const address = await httpServer((_request, response) => response.end());
  servers[0]?.on('connection', (socket: Socket) => {
    connections += 1;
    socket.on('close', () => {
      connections -= 1;
    });
  });
  await send(wire, address);
  expect(connections).toBe(1);
  peers.keepOnly(new Set());
  while (connections > 0)
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  expect((await send(wire, address)).status).toBe(200);
});
