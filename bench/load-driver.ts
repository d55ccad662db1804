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
  /** Stops after this many requests, if given; keys are then taken in order, over and over. */
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
  chunks: Buffer[];
  /** Bytes of the chunks. */
  received: number;
  /** Bytes of the answer that has begun; 0 while its length is not known. */
  wanted: number;
  key: number;
  isRead: boolean;
  version: number;
}

/** All connections of one run, and what they saw. */
class Driver {
  readonly #plan: LoadPlan;
  readonly #random: () => number;
  readonly #latencies: number[] = [];
  readonly #statuses: Record<string, number> = {};
  readonly #newest = new Map<number, number>();
  readonly #filler: string;
  readonly #startedAt = performance.now();
  #issued = 0;
  #stale = 0;
  #open: number;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#random = generator(plan.seed);
    this.#filler = Buffer.alloc(plan.valueBytes, 'x').toString('latin1');
    this.#open = plan.connections;
  }

  start(): void {
    for (let place = 0; place < this.#plan.connections; place += 1) this.#connect(place);
  }

  #connect(place: number): void {
    const { hostname, port } = new URL(this.#plan.url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const connection: Connection = {
      socket,
      startedAt: 0,
      chunks: [],
      received: 0,
      wanted: 0,
      key: 0,
      isRead: false,
      version: 0,
    };
    socket.on('connect', () => this.#send(connection, place));
    socket.on('error', (error) => {
      process.stderr.write(`connection failed: ${error.message}\n`);
      process.exit(1);
    });
    socket.on('data', (chunk) => this.#received(connection, place, chunk));
  }

  #send(connection: Connection, place: number): void {
    const now = performance.now();
    if (this.#isOver(now)) {
      connection.socket.destroy();
      this.#open -= 1;
      if (this.#open === 0) this.#report();
      return;
    }
    const { requests, keys, verify, connections, reads } = this.#plan;
    const drawn = requests === undefined ? Math.floor(this.#random() * keys) : this.#issued % keys;
    // With verification each key has one writer: the connection whose number it ends in.
    connection.key = verify ? drawn - (drawn % connections) + place : drawn;
    connection.isRead = this.#random() < reads;
    connection.startedAt = now;
    this.#issued += 1;
    connection.version = connection.isRead ? (this.#newest.get(connection.key) ?? 0) : this.#issued;
    connection.socket.write(this.#requestOf(connection), 'latin1');
  }

  #isOver(now: number): boolean {
    const { requests, seconds } = this.#plan;
    if (requests !== undefined) return this.#issued >= requests;
    return now >= this.#startedAt + seconds * 1_000;
  }

  #requestOf({ key, isRead, version }: Connection): string {
    const { prefix, valueBytes } = this.#plan;
    const path = `/data/${prefix}${key}`;
    if (isRead) return `GET ${path} HTTP/1.1\r\nhost: b\r\n\r\n`;
    const value = `${version}:${this.#filler}`.slice(0, Math.max(valueBytes, 12));
    const headers = `content-type: text/plain\r\ncontent-length: ${value.length}`;
    return `PUT ${path} HTTP/1.1\r\nhost: b\r\n${headers}\r\n\r\n${value}`;
  }

  #received(connection: Connection, place: number, chunk: Buffer): void {
    connection.chunks.push(chunk);
    connection.received += chunk.length;
    // Put together once, not with every chunk: a value of 16 MiB comes in hundreds of them.
    if (connection.received < connection.wanted) return;
    let rest = connection.chunks.length === 1 ? chunk : Buffer.concat(connection.chunks);
    for (;;) {
      const answer = parseAnswer(rest);
      connection.wanted = answer?.bytes ?? 0;
      if (!answer || rest.length < answer.bytes) break;
      rest = rest.subarray(answer.bytes);
      this.#finish(connection, answer);
      this.#send(connection, place);
    }
    connection.chunks = rest.length === 0 ? [] : [rest];
    connection.received = rest.length;
  }

  #finish(connection: Connection, answer: { status: number; body: Buffer }): void {
    const { status, body } = answer;
    this.#latencies.push(performance.now() - connection.startedAt);
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    if (!this.#plan.verify) return;
    if (connection.isRead && connection.version > 0) {
      const seen = Number(body.toString('latin1').split(':')[0]);
      if (status !== 200 || seen < connection.version) this.#stale += 1;
    }
    if (!connection.isRead && status === 204) this.#newest.set(connection.key, connection.version);
  }

  #report(): void {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    const latencies = this.#latencies.sort((left, right) => left - right);
    const at = (share: number): number =>
      latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
    const result: LoadResult = {
      requests: latencies.length,
      seconds,
      perSecond: latencies.length / seconds,
      statuses: this.#statuses,
      p50: at(0.5),
      p99: at(0.99),
      max: latencies.at(-1) ?? 0,
      stale: this.#stale,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}

/** Mulberry32: the same seed draws the same keys. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The first answer of the bytes, or undefined before its head is complete; `bytes` says how long it will be. */
function parseAnswer(buffer: Buffer): { status: number; bytes: number; body: Buffer } | undefined {
  const headEnd = buffer.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = buffer.toString('latin1', 0, headEnd);
  const status = Number(head.slice(9, 12));
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const bytes = headEnd + 4 + length;
  return { status, bytes, body: buffer.subarray(headEnd + 4, bytes) };
}

new Driver(JSON.parse(process.argv[2] ?? '{}') as LoadPlan).start();
