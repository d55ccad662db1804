/**
 * The load generator, a process of its own: keep-alive connections over plain sockets, one request in flight each,
 * answers parsed by content-length. Prints one JSON line with the figures. Started by bench/lib.ts.
 */
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

/** What to do; given as JSON in the first argument. */
export interface LoadPlan {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Keys are `<prefix><number>`, drawn at random below `keys`. */
  readonly keys: number;
  readonly prefix: string;
  readonly valueBytes: number;
  /** Share of reads, 0 to 1. */
  readonly reads: number;
  readonly seed: number;
  /** Stops after this many requests, if given; keys are then taken in order. */
  readonly requests?: number | undefined;
  /** Checks that each read gives the newest value this driver was acknowledged; needs one writer a key. */
  readonly verify?: boolean | undefined;
}

/** What came of it. Latencies in milliseconds. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly stale: number;
}

interface Connection {
  readonly socket: Socket;
  startedAt: number;
  buffered: Buffer;
  key: number;
  isRead: boolean;
  version: number;
}

function main(plan: LoadPlan): void {
  const { hostname, port } = new URL(plan.url);
  const latencies: number[] = [];
  const statuses: Record<string, number> = {};
  const newest = new Map<number, number>();
  let state = plan.seed >>> 0;
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  let issued = 0;
  let stale = 0;
  let open = plan.connections;
  const startedAt = performance.now();
  const endsAt = startedAt + plan.seconds * 1_000;
  const filler = Buffer.alloc(plan.valueBytes, 'x').toString('latin1');

  const send = (connection: Connection, place: number): void => {
    const now = performance.now();
    const isOver = plan.requests === undefined ? now >= endsAt : issued >= plan.requests;
    if (isOver) {
      connection.socket.destroy();
      open -= 1;
      if (open === 0) report();
      return;
    }
    const drawn = plan.requests === undefined ? Math.floor(random() * plan.keys) : issued;
    // With verification each key has one writer: the connection whose number it ends in.
    connection.key = plan.verify ? drawn - (drawn % plan.connections) + place : drawn;
    connection.isRead = random() < plan.reads;
    connection.startedAt = now;
    issued += 1;
    const path = `/data/${plan.prefix}${connection.key}`;
    if (connection.isRead) {
      connection.version = newest.get(connection.key) ?? 0;
      connection.socket.write(`GET ${path} HTTP/1.1\r\nhost: b\r\n\r\n`);
      return;
    }
    connection.version = issued;
    const value = `${issued}:${filler}`.slice(0, Math.max(plan.valueBytes, 12));
    const head = `PUT ${path} HTTP/1.1\r\nhost: b\r\ncontent-type: text/plain\r\ncontent-length: ${value.length}\r\n\r\n`;
    connection.socket.write(head + value, 'latin1');
  };

  const finish = (connection: Connection, place: number, status: number, body: Buffer): void => {
    latencies.push(performance.now() - connection.startedAt);
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (plan.verify && connection.isRead && connection.version > 0) {
      const seen = Number(body.toString('latin1').split(':')[0]);
      if (status !== 200 || seen < connection.version) stale += 1;
    }
    if (plan.verify && !connection.isRead && status === 204)
      newest.set(connection.key, connection.version);
    send(connection, place);
  };

  const report = (): void => {
    const seconds = (performance.now() - startedAt) / 1_000;
    latencies.sort((left, right) => left - right);
    const at = (share: number): number =>
      latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
    const result: LoadResult = {
      requests: latencies.length,
      seconds,
      perSecond: latencies.length / seconds,
      statuses,
      p50: at(0.5),
      p99: at(0.99),
      max: latencies.at(-1) ?? 0,
      stale,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  };

  for (let place = 0; place < plan.connections; place += 1) {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const connection: Connection = {
      socket,
      startedAt: 0,
      buffered: Buffer.alloc(0),
      key: 0,
      isRead: false,
      version: 0,
    };
    socket.on('connect', () => send(connection, place));
    socket.on('error', (error) => {
      process.stderr.write(`connection failed: ${error.message}\n`);
      process.exit(1);
    });
    socket.on('data', (chunk) => {
      connection.buffered =
        connection.buffered.length === 0 ? chunk : Buffer.concat([connection.buffered, chunk]);
      for (;;) {
        const answer = parseAnswer(connection.buffered);
        if (!answer) return;
        connection.buffered = connection.buffered.subarray(answer.bytes);
        finish(connection, place, answer.status, answer.body);
      }
    });
  }
}

function parseAnswer(buffer: Buffer): { status: number; bytes: number; body: Buffer } | undefined {
  const headEnd = buffer.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = buffer.toString('latin1', 0, headEnd);
  const status = Number(head.slice(9, 12));
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const bytes = headEnd + 4 + length;
  if (buffer.length < bytes) return undefined;
  return { status, bytes, body: buffer.subarray(headEnd + 4, bytes) };
}

main(JSON.parse(process.argv[2] ?? '{}') as LoadPlan);
