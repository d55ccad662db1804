/** How the two processes start, what they refuse at start, how they end, and what a supervisor makes of it. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { type ClientOptions, createClient } from '../../src/client/client.ts';
import { eventually } from '../../src/testing/testing.ts';
import {
  entries,
  hasProc,
  type Program,
  processesOf,
  Stage,
  threadsOf,
} from './support-programs.ts';

const stage = new Stage();
afterEach(() => stage.close());

const run = promisify(execFile);
const clientOf = (url: string, options: Partial<ClientOptions> = {}) =>
  createClient({ url, ...options });
const json = async (url: string) =>
  (await (await fetch(url)).json()) as Record<string, unknown> & { nodes: { status: string }[] };

/** Resolves when every copy is live. */
const green = (url: string): Promise<void> =>
  eventually(
    async () => expect(await json(`${url}/cluster/health`)).toMatchObject({ status: 'green' }),
    { timeoutMs: 10_000 },
  );

// @req: env.listening-line, env.port-zero, env.loopback, env.tool-names, limits.entry
test('each process prints one JSON line with its address, and nothing else, on stdout', async () => {
  const toolNames = {
    TORUA_URL: 'http://127.0.0.1:1',
    TORUA_TOKEN: 't',
    TORUA_HARNESS: 'procs',
    TORUA_SEED: '7',
    TORUA_PORT: '9',
    TORUA_DATA_SETS: 'nowhere',
  };
  const coordinator = stage.coordinator(toolNames);
  const url = await coordinator.url();
  const node = stage.node({ COORDINATOR_ADDR: url, ...toolNames });
  const nodeUrl = await node.url();
  await green(url);
  for (const [program, address] of [
    [coordinator, url],
    [node, nodeUrl],
  ] as const) {
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(program.out()).toBe(`${JSON.stringify({ event: 'listening', url: address })}\n`);
  }
  expect((await json(`${url}/nodes`)).nodes).toMatchObject([{ id: 'node-1', addr: nodeUrl }]);
});

// @req: limits.threads, process.coordinator-no-kuzu
test.runIf(hasProc)(
  'a process started as the contract says has a thread pool of 32, and one that is given keeps its own',
  async () => {
    const threads = async (program: Program): Promise<number> => {
      await program.url();
      return threadsOf(program.pid);
    };
    const coordinator = stage.coordinator();
    const [usual, small] = await Promise.all([
      threads(coordinator),
      threads(stage.coordinator({ UV_THREADPOOL_SIZE: '4' })),
    ]);
    expect(usual - small).toBe(28);
    const COORDINATOR_ADDR = await coordinator.url();
    const [usualNode, smallNode] = await Promise.all([
      threads(stage.node({ COORDINATOR_ADDR, NODE_ID: 'a' })),
      threads(stage.node({ COORDINATOR_ADDR, NODE_ID: 'b', UV_THREADPOOL_SIZE: '4' })),
    ]);
    expect(usualNode - smallNode).toBe(28);
    const maps = await run('grep', ['-c', 'kuzu', `/proc/${coordinator.pid}/maps`]).catch(
      (error: { stdout: string }) => error,
    );
    expect(maps.stdout.trim()).toBe('0');
  },
);

type Refusal = [
  program: 'coordinator' | 'node',
  env: Readonly<Record<string, string>>,
  line: RegExp,
];

const NODE = { NODE_ID: 'n', COORDINATOR_ADDR: '127.0.0.1:9' } as const;

const refusals: Refusal[] = [
  ['node', { NODE_ID: '' }, /^torua node: NODE_ID is not set: it is required$/],
  ['node', { COORDINATOR_ADDR: '' }, /^torua node: COORDINATOR_ADDR is not set: it is required$/],
  ['node', { NODE_ID: 'a/b' }, /NODE_ID is "a\/b": must be/],
  ['node', { NODE_LISTEN: 'here' }, /NODE_LISTEN is "here": must be host:port/],
  ['node', { NODE_MEMORY: 'much' }, /NODE_MEMORY is "much": must be a size .*"16MiB"/],
  ['node', { TORUA_VERSON: '1' }, /TORUA_VERSON is not a setting .*did you mean TORUA_VERSION\?/],
  ['node', { VALUE_CACHE: 'maybe' }, /VALUE_CACHE is "maybe": .*auto.*off/],
  ['coordinator', { HEALTH_CHECK_INTERVAL: '2' }, /HEALTH_CHECK_INTERVAL is "2": .*"500ms"/],
  ['coordinator', { NUM_SHARDS: 'four' }, /NUM_SHARDS is "four": must be a whole number/],
  ['coordinator', { REPLICATION_FACTOR: '2' }, /REPLICATION_FACTOR is "2":/],
  ['coordinator', { METADATA_URL: 'etcd://127.0.0.1:2379' }, /METADATA_URL is "etcd:.*": must be/],
  ['coordinator', { AUTO_REBALANCE: 'yes' }, /AUTO_REBALANCE is "yes": must be true or false/],
  ['coordinator', { LOG_LEVEL: 'loud' }, /LOG_LEVEL is "loud": .*debug/],
  ['coordinator', { TORUA_PROT: '1' }, /TORUA_PROT is not a setting .*did you mean TORUA_PORT\?/],
  ['coordinator', { MAX_VALUE_BYTES: '0' }, /MAX_VALUE_BYTES is "0": must be a size/],
];

// @req: env.bad-value, env.unknown-name, env.node-id, env.coordinator-addr.node, env.replication-refused
// @req: env.metadata-url, env.log-level
test('a missing or bad setting ends the process with one line that names it and what is allowed', async () => {
  const starts = refusals.map(([program, env, line]) => ({
    line,
    program: program === 'node' ? stage.node({ ...NODE, ...env }) : stage.coordinator(env),
  }));
  for (const { program, line } of starts) {
    const { code } = await program.exited;
    expect(program.err().trimEnd()).toMatch(line);
    expect(program.err().trimEnd().split('\n')).toHaveLength(1);
    expect([code, program.out()]).toEqual([78, '']);
  }
});

// @req: env.taken-port
test('a taken port ends the process with one line that names variable and address', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    }),
  );
  try {
    const taken = `127.0.0.1:${port}`;
    const programs: [Program, string][] = [
      [stage.coordinator({ COORDINATOR_ADDR: taken }), 'COORDINATOR_ADDR'],
      [stage.node({ ...NODE, NODE_LISTEN: taken }), 'NODE_LISTEN'],
    ];
    for (const [program, variable] of programs) {
      expect((await program.exited).code).toBe(78);
      const line = `${variable} is "${taken}": another process listens there`;
      expect(program.err()).toContain(line);
      expect(program.out()).toBe('');
    }
  } finally {
    server.close();
  }
});

// @req: node.stop.clean, node.stop.keeps, env.data-dir, node.known-returns
test('SIGTERM ends both processes with 0 within 10 s, and the data is back with the next start', async () => {
  const [coordinatorData, nodeData] = [stage.folder(), stage.folder()];
  const both = async () => {
    const coordinator = stage.coordinator({ DATA_DIR: coordinatorData });
    const url = await coordinator.url();
    const node = stage.node({ COORDINATOR_ADDR: url, DATA_DIR: nodeData });
    await node.url();
    await green(url);
    return { coordinator, node, client: clientOf(url) };
  };
  const first = await both();
  const keys = Array.from({ length: 300 }, (_, index) => `key ${index}`);
  await Promise.all(keys.map((key) => first.client.put(key, `value of ${key}`)));
  await first.client.put('large', Buffer.alloc(200_000, 'x'));
  const toldAt = performance.now();
  first.node.signal('SIGTERM');
  first.coordinator.signal('SIGTERM');
  expect(await Promise.all([first.node.exited, first.coordinator.exited])).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  expect(performance.now() - toldAt).toBeLessThan(10_000);
  await first.client.close();

  const second = await both();
  const values = await Promise.all(keys.map(async (key) => (await second.client.get(key))?.text()));
  expect(values).toEqual(keys.map((key) => `value of ${key}`));
  expect((await second.client.get('large'))?.bytes).toBe(200_000);
  await second.client.close();
}, 40_000);

/** A node or coordinator under `torua supervise`; `child` gives the pid of the present life. */
function supervised(env: Readonly<Record<string, string>>, entry: string) {
  const supervisor = stage.start({
    words: [entries.cli, 'supervise', '--', process.execPath, entry],
    env: { NODE_MEMORY: '256MiB', HEALTH_CHECK_INTERVAL: '500ms', ASSIGNMENT_DELAY: '0ms', ...env },
  });
  const child = (): number => {
    const found = processesOf(env.DATA_DIR ?? '', 'DATA_DIR').find(
      ({ parent, command }) => parent === supervisor.pid && command.includes(entry),
    );
    if (!found) throw new Error(`no child: ${supervisor.err()}`);
    return found.pid;
  };
  return { supervisor, child };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

async function supervisedPair() {
  const [port, nodePort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const coordinator = supervised(
    { COORDINATOR_ADDR: `127.0.0.1:${port}`, DATA_DIR: stage.folder() },
    entries.coordinator,
  );
  const node = supervised(
    {
      NODE_ID: 'node-1',
      NODE_LISTEN: `127.0.0.1:${nodePort}`,
      COORDINATOR_ADDR: url,
      DATA_DIR: stage.folder(),
    },
    entries.node,
  );
  await eventually(() => json(`${url}/livez`), { timeoutMs: 10_000 });
  await green(url);
  return { url, nodeUrl: `http://127.0.0.1:${nodePort}`, coordinator, node };
}

// @req: supervise.back-off, failure.node-killed, failure.coordinator-killed, supervise.signals
test.runIf(hasProc)(
  'kill -9 of a supervised node, then of its coordinator, is healed within 3 s',
  async () => {
    const { url, coordinator, node } = await supervisedPair();
    const client = clientOf(url, { retry: false, timeoutMs: 500 });
    const keys = ['greeting', 'key1', 'key3', 'key4'];
    await Promise.all(keys.map((key) => client.put(key, key)));
    for (const { child } of [node, coordinator]) {
      const killed = child();
      const killedAt = performance.now();
      process.kill(killed, 'SIGKILL');
      await eventually(
        async () => {
          expect(child()).not.toBe(killed);
          for (const key of keys) expect((await client.get(key))?.text()).toBe(key);
          await client.put('after', 'the kill');
        },
        { timeoutMs: 6_000 },
      );
      expect(performance.now() - killedAt).toBeLessThan(3_000);
    }
    for (const { supervisor } of [node, coordinator]) supervisor.signal('SIGTERM');
    const ends = await Promise.all([node.supervisor.exited, coordinator.supervisor.exited]);
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    await client.close();
  },
  40_000,
);

// @req: supervise.idle, node.control.shutdown
test.runIf(hasProc)(
  'a node that was told to shut down ends with 0, and its supervisor idles until it is told to stop',
  async () => {
    const { nodeUrl, node } = await supervisedPair();
    const pid = node.child();
    const answer = await fetch(`${nodeUrl}/control`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ op: 'shutdown' }),
    });
    expect(answer.status).toBe(204);
    await eventually(() => expect(node.supervisor.err()).toContain('ended with code 0'), {
      timeoutMs: 10_000,
    });
    expect(() => node.child()).toThrow('no child');
    expect([node.supervisor.exit(), pid > 0]).toEqual([undefined, true]);
    node.supervisor.signal('SIGTERM');
    expect((await node.supervisor.exited).code).toBe(0);
  },
  40_000,
);

// @req: log.failed-sync
// @req: trouble.failing-sync
test.runIf(hasProc)(
  'a log that cannot be written ends the node with 74; its next life has every acknowledged write',
  async () => {
    const coordinator = stage.coordinator();
    const url = await coordinator.url();
    const settings = {
      NODE_ID: 'node-1',
      NODE_LISTEN: `127.0.0.1:${await freePort()}`,
      COORDINATOR_ADDR: url,
      DATA_DIR: stage.folder(),
    };
    // The first life makes the reserve file, which is larger than what the second may write into one file.
    const first = stage.node(settings);
    await green(url);
    first.signal('SIGTERM');
    expect((await first.exited).code).toBe(0);
    const limited = stage.start({
      file: '/bin/sh',
      words: ['-c', `ulimit -f 8192; exec '${process.execPath}' '${entries.node}'`],
      env: { NODE_MEMORY: '256MiB', ...settings },
    });
    await limited.url();
    await green(url);

    const client = clientOf(url, { retry: false, timeoutMs: 3_000 });
    const value = 'v'.repeat(50_000);
    const acknowledged: string[] = [];
    const writer = async (name: string): Promise<void> => {
      for (let count = 0; limited.exit() === undefined; count += 1) {
        const key = `${name} ${count}`;
        await client.put(key, key + value).then(
          () => acknowledged.push(key),
          () => {}, // not acknowledged, so nothing was promised
        );
      }
    };
    await Promise.all(['a', 'b', 'c', 'd'].map(writer));
    expect(await limited.exited).toEqual({ code: 74, signal: null });
    expect(acknowledged.length).toBeGreaterThan(10);

    const last = stage.node(settings);
    await last.url();
    await green(url);
    const found = await eventually(
      () => Promise.all(acknowledged.map(async (key) => (await client.get(key))?.text())),
      { timeoutMs: 10_000 },
    );
    expect(found).toEqual(acknowledged.map((key) => key + value));
    await client.close();
  },
  60_000,
);

/** The Node of a version, from the package registry; undefined when it cannot be had. */
async function otherNode(version: string): Promise<string | undefined> {
  const words = ['-y', '--prefer-offline', `node@${version}`, '-p', 'process.execPath'];
  try {
    const { stdout } = await run('npx', words, { timeout: 40_000 });
    return stdout.trim();
  } catch {
    // No registry in reach, or no build for this machine.
    return undefined;
  }
}

test.each(['22', '24'])(
  'both processes start and serve on Node %s',
  async (version) => {
    const file = await otherNode(version);
    if (file === undefined) {
      process.stderr.write(`Node ${version} cannot be had here; not played\n`);
      return;
    }
    const { stdout } = await run(file, ['--version']);
    expect(stdout).toMatch(new RegExp(`^v${version}\\.`));
    const env = {
      DATA_DIR: stage.folder(),
      COORDINATOR_ADDR: '127.0.0.1:0',
      ASSIGNMENT_DELAY: '0ms',
    };
    const coordinator = stage.start({ file, words: [entries.coordinator], env });
    const url = await coordinator.url();
    const node = stage.start({
      file,
      words: [entries.node],
      env: {
        NODE_ID: 'n',
        NODE_LISTEN: '127.0.0.1:0',
        COORDINATOR_ADDR: url,
        DATA_DIR: join(stage.folder(), 'n'),
      },
    });
    await green(url);
    const client = clientOf(url);
    await client.put('hello', 'world');
    expect((await client.get('hello'))?.text()).toBe('world');
    await client.close();
    node.signal('SIGTERM');
    expect((await node.exited).code).toBe(0);
  },
  60_000,
);
