/**
 * The hop between coordinator and node alone: key reads over the production wire, batched as production does, against
 * one request per key. The answering end is a process of its own with the production web server and a map behind it.
 */
import { spawn } from 'node:child_process';
import { createApp } from '../src/http/app.ts';
import { mountInternal } from '../src/http/internal-routes.ts';
import { listen } from '../src/http/listen.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { deadlineIn } from '../src/kernel/deadline.ts';
import { copyId, shardUid, term } from '../src/kernel/ids.ts';
import { silentLogger } from '../src/kernel/logger.ts';
import { createMetrics } from '../src/kernel/metrics.ts';
import { systemRandom } from '../src/kernel/random.ts';
import { decodeBatch, encodeAnswers, FRAME_CONTENT_TYPE } from '../src/protocol/frame.ts';
import type { KeyOperation } from '../src/protocol/key-operation.ts';
import { INTERNAL_PATHS } from '../src/protocol/messages.ts';
import { LANE_LIMITS } from '../src/transport/batch-channel.ts';
import { createNodeChannel } from '../src/transport/node-channel.ts';
import { createPeers } from '../src/transport/peers.ts';
import { createUndiciWire } from '../src/transport/undici-wire.ts';
import { cpuSeconds, type Process } from './lib.ts';

/** CPU microseconds per read of both ends together. */
export interface HopResult {
  readonly batchedMicros: number;
  readonly singleMicros: number;
  readonly ratio: number;
}

const CONCURRENCY = 64;
const OPERATIONS = 200_000;
const WARM_UP = 20_000;

/** Runs both ways in turns, three rounds each, and compares the medians. */
export async function measureHop(): Promise<HopResult> {
  const server = await startServer();
  try {
    const rounds: { batched: number; single: number }[] = [];
    await round(server, LANE_LIMITS, WARM_UP);
    for (let count = 0; count < 3; count += 1) {
      const batched = await round(server, LANE_LIMITS, OPERATIONS);
      const oneByOne = { ...LANE_LIMITS, batchOperationsMax: 1, batchesInFlightMax: CONCURRENCY };
      rounds.push({ batched, single: await round(server, oneByOne, OPERATIONS / 4) });
    }
    const median = (values: number[]): number => values.sort((left, right) => left - right)[1] ?? 0;
    const batchedMicros = median(rounds.map((each) => each.batched));
    const singleMicros = median(rounds.map((each) => each.single));
    return { batchedMicros, singleMicros, ratio: batchedMicros / singleMicros };
  } finally {
    server.child.kill('SIGKILL');
  }
}

async function round(
  server: Process,
  limits: typeof LANE_LIMITS,
  operations: number,
): Promise<number> {
  const peers = createPeers();
  const wire = createUndiciWire({ clock: systemClock, peers });
  const channel = createNodeChannel({ wire, clock: systemClock, address: server.url, limits });
  const plan = { leaderEpoch: 1, routingVersion: 1, schemaVersion: 0 };
  const before = cpuSeconds([server]) + ownSeconds();
  let left = operations;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await channel.submit(readOf(left), plan, deadlineIn(systemClock, 10_000));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const spent = cpuSeconds([server]) + ownSeconds() - before;
  channel.close();
  await peers.close();
  return (spent * 1e6) / operations;
}

function ownSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function readOf(number: number): KeyOperation {
  return {
    verb: 'get',
    shardUid: shardUid('0000000000000001'),
    copyId: copyId('0000000000000001'),
    term: term(1),
    key: `k${number}`,
    opId: '',
    callerOpId: false,
    deadlineMs: 10_000,
    requestId: 'bench',
  };
}

async function startServer(): Promise<Process> {
  const child = spawn(process.execPath, ['--import', 'tsx', import.meta.filename, 'server'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) => {
    child.stdout.once('data', (data: Buffer) => resolve(data.toString()));
  });
  return { child, pid: child.pid ?? 0, url: (JSON.parse(line) as { url: string }).url };
}

async function serve(): Promise<void> {
  const app = await createApp({
    name: 'hop',
    version: '0',
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics({ processMetrics: false }),
    probes: {
      readiness: () => undefined,
      health: () => ({
        cluster: { nodes: 0, shards: 0, replicas: 0, state: 'green' },
        reasons: [],
      }),
    },
    requestTimeoutMs: 10_000,
  });
  const value = Buffer.alloc(100, 'x');
  mountInternal(app, [
    {
      method: 'POST',
      path: INTERNAL_PATHS.batch,
      handle: async (body) => {
        const answers = decodeBatch(body).operations.map(() => ({
          status: 200,
          etag: '0'.repeat(32),
          contentType: 'text/plain',
          value,
        }));
        return { status: 200, body: encodeAnswers(answers), contentType: FRAME_CONTENT_TYPE };
      },
    },
  ]);
  await listen(app, {
    address: '127.0.0.1:0',
    variable: 'address',
    print: (line) => process.stdout.write(`${line}\n`),
  });
}

if (process.argv[2] === 'server') await serve();
