/** The built command line against a real cluster: every command, its text, its JSON and its exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { COMMAND_NAMES } from '../../src/cli/program.ts';
import { inheritedEnvironment } from '../../src/testing/config.ts';
import { type Cluster, eventually, startCluster } from '../../src/testing/testing.ts';
import { entries, projectRoot } from './support-programs.ts';

const SCRIPT = '/usr/bin/script';
const version = (
  JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }
).version;

let cluster: Cluster;
let folder: string;
const started: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torua-test-'));
  cluster = await startCluster({ nodes: 2 });
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

afterAll(async () => {
  await cluster?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly bytes: Buffer;
  readonly out: string;
  readonly err: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  out(): string;
}

/** Starts `torua` as a user does. */
function start(words: readonly string[], url = cluster.url): Running {
  const child = spawn(process.execPath, [entries.cli, ...words], {
    cwd: folder,
    env: { ...inheritedEnvironment(), TORUA_URL: url },
  });
  started.push(child);
  const pieces: Buffer[] = [];
  let err = '';
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const out = (): string => Buffer.concat(pieces).toString();
  const ended = new Promise<Ended>((resolve) =>
    child.once('close', (code) => resolve({ code, bytes: Buffer.concat(pieces), out: out(), err })),
  );
  return { child, ended, out };
}

/** Runs `torua` to its end. */
function torua(words: readonly string[], input: Buffer | string = ''): Promise<Ended> {
  const { child, ended } = start(words);
  child.stdin?.end(input);
  return ended;
}

/** What `torua ... --json` printed. Errors: it failed. */
async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await torua([...words, '--json']);
  if (code !== 0) throw new Error(`torua ${words.join(' ')} ended with ${code}: ${err}`);
  return JSON.parse(out) as Record<string, unknown>;
}

describe('what the cluster is', () => {
  // @req: cli.status, cli.json
  test('status tells colour, nodes and shards', async () => {
    const { code, out } = await torua(['status']);
    expect(code).toBe(0);
    expect(out).toMatch(/^cluster +\w+ is green\nnodes +2 of 2 healthy\nshards +4 of 4 assigned/);
    expect(await json('status')).toMatchObject({
      info: { cluster_state: 'green', total_nodes: 2, coordinator_version: version },
      health: { status: 'green', healthy_nodes: 2, active_primaries: 4 },
    });
  });

  // @req: cli.nodes, cli.json
  test('nodes lists each with its status and address', async () => {
    const { out } = await torua(['nodes']);
    const [header, ...rows] = out.trimEnd().split('\n');
    expect(header).toMatch(/^ID +STATUS +ADDRESS/);
    for (const [index, { id, url }] of cluster.nodes.entries())
      expect(rows[index]?.split(/ {2,}/).slice(0, 3)).toEqual([id, 'healthy', url]);
    expect(await json('nodes')).toMatchObject({ nodes: [{ id: 'node-1' }, { id: 'node-2' }] });
  });

  // @req: cli.shards, cli.json
  test('shards says where each is', async () => {
    const { out } = await torua(['shards']);
    const rows = out.trimEnd().split('\n').slice(1);
    expect(rows.map((row) => row.trim().split(/ +/)[0])).toEqual(['0', '1', '2', '3']);
    const held = cluster.nodes.map(({ id }) => rows.filter((row) => row.includes(id)).length);
    expect(held).toEqual([2, 2]);
    const { shards } = (await json('shards')) as { shards: { NodeID: string }[] };
    expect(shards.map(({ NodeID }) => NodeID).sort()).toEqual([
      'node-1',
      'node-1',
      'node-2',
      'node-2',
    ]);
  });
});

describe('keys', () => {
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7) % 256));

  // @req: cli.put, cli.get, cli.json
  test('bytes from the argument, a file and stdin come back as they were', async () => {
    expect(await torua(['put', 'cli/text', 'grüße'])).toMatchObject({ code: 0, out: '', err: '' });
    expect((await torua(['get', 'cli/text'])).bytes).toEqual(Buffer.from('grüße'));
    writeFileSync(join(folder, 'value.bin'), bytes);
    expect((await torua(['put', 'cli/file', '--file', 'value.bin'])).code).toBe(0);
    expect((await torua(['get', 'cli/file'])).bytes.equals(bytes)).toBe(true);
    const binary = bytes.subarray(0, 300);
    const { code, out } = await torua(['put', 'cli/stdin', '--json'], binary);
    expect(code).toBe(0);
    const { etag } = JSON.parse(out) as { etag: string };
    expect((await torua(['get', 'cli/stdin'])).bytes.equals(binary)).toBe(true);
    expect(await json('get', 'cli/stdin')).toMatchObject({
      etag,
      bytes: 300,
      value_base64: binary.toString('base64'),
    });
    expect(await json('get', 'cli/text')).toMatchObject({ value: 'grüße' });
  });

  // @req: cli.list, cli.json
  test('list shows keys in order, by prefix and up to a limit', async () => {
    for (const key of ['list/b', 'list/a', 'list/c']) await cluster.client.put(key, key);
    expect(await torua(['list', '--prefix', 'list/'])).toMatchObject({
      code: 0,
      out: 'list/a\nlist/b\nlist/c\n',
    });
    const { out } = await torua(['list', '--start', 'list/b', '--limit', '1', '--json']);
    expect(JSON.parse(out)).toMatchObject({ key: 'list/b', bytes: 6 });
  });

  // @req: cli.delete, cli.json
  test('delete removes one key or a prefix, and everything only with --yes', async () => {
    for (const key of ['gone/a', 'gone/b', 'gone/c']) await cluster.client.put(key, 'x');
    expect(await torua(['delete', 'gone/a'])).toMatchObject({ code: 0, out: '' });
    expect(await cluster.client.get('gone/a')).toBeUndefined();
    expect((await torua(['delete', '--all'])).code).toBe(EXIT_CODES.usage.code);
    expect(await json('delete', '--prefix', 'gone/')).toEqual({ deleted: 2 });
    expect(await cluster.client.get('gone/b')).toBeUndefined();
  });
});

describe('load', () => {
  const good = Array.from(
    { length: 1_200 },
    (_, n) => `{"id": "load/${n}",  "text": "zeile ${n}"}`,
  );

  // @req: cli.load, cli.load.rejected, cli.exit-codes, cli.json
  test('stores each line byte for byte and keeps the bad ones in a file', async () => {
    const lines = [...good.slice(0, 700), '{"no": "key"}', 'no json at all', ...good.slice(700)];
    writeFileSync(join(folder, 'corpus.jsonl'), `${lines.join('\n')}\n`);
    const { code, out, err } = await torua(['load', 'corpus.jsonl', '--key', 'id', '--json']);
    expect(code).toBe(EXIT_CODES.rejected.code);
    expect(JSON.parse(out)).toMatchObject({
      stored: 1_200,
      rejected: 2,
      rejected_file: 'corpus.jsonl.rejected.jsonl',
    });
    expect(err).toContain('line 701: the line has no field "id"');
    expect(err).toContain('line 702: the line is not JSON');
    expect(readFileSync(join(folder, 'corpus.jsonl.rejected.jsonl'), 'utf8')).toBe(
      '{"no": "key"}\nno json at all\n',
    );
    for (const n of [0, 699, 700, 1_199])
      expect((await cluster.client.get(`load/${n}`))?.text()).toBe(good[n]);
    let stored = 0;
    for await (const { key } of cluster.client.list({ prefix: 'load/' })) stored += key ? 1 : 0;
    expect(stored).toBe(1_200);
  });

  // @req: cli.load, cli.load.rejected
  test('of good lines alone leaves no such file, not even an old one', async () => {
    writeFileSync(join(folder, 'good.jsonl'), good.slice(0, 3).join('\n'));
    writeFileSync(join(folder, 'good.jsonl.rejected.jsonl'), 'of an earlier load');
    expect(await torua(['load', 'good.jsonl', '--key', 'id'])).toMatchObject({
      code: 0,
      out: '3 stored, 0 rejected\n',
    });
    expect(existsSync(join(folder, 'good.jsonl.rejected.jsonl'))).toBe(false);
  });

  // @req: cli.load.progress
  test.runIf(process.platform === 'linux' && existsSync(SCRIPT))(
    'shows a bar with rate and rest on a terminal',
    async () => {
      const many = Array.from({ length: 20_000 }, (_, n) => `{"id":"bar/${n % 500}","n":${n}}`);
      writeFileSync(join(folder, 'many.jsonl'), many.join('\n'));
      const command = `${process.execPath} ${entries.cli} load many.jsonl --key id`;
      const child = spawn(SCRIPT, ['-qec', command, '/dev/null'], {
        cwd: folder,
        env: { ...inheritedEnvironment(), TORUA_URL: cluster.url, TERM: 'xterm' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      started.push(child);
      let shown = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        shown += text;
      });
      expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
      expect(shown).toMatch(/█.*\d+ stored, 0 rejected, \d+ % of .*lines\/s, .* left/);
      expect(shown).toContain('20000 stored, 0 rejected, 100 %');
    },
  );
});

describe('the settings', () => {
  // @req: cli.config, cli.json, cli.exit-codes
  test('are read and changed, one or several', async () => {
    expect((await torua(['config', 'get'])).out).toContain('health_check_interval=500ms\n');
    expect(await torua(['config', 'set', 'dead_after=7m', 'auto_rebalance=false'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^configuration version \d+\n$/),
    });
    expect(await torua(['config', 'get', 'dead_after'])).toMatchObject({ code: 0, out: '7m\n' });
    expect(await json('config', 'get')).toMatchObject({
      config: { dead_after: '7m', auto_rebalance: false },
    });
    expect(await json('config', 'set', 'auto_rebalance=true')).toMatchObject({
      config: { auto_rebalance: true },
    });
    const wrong = await torua(['config', 'set', 'read_onyl=true']);
    expect([wrong.code, wrong.err.includes('read_only')]).toEqual([EXIT_CODES.failed.code, true]);
    expect((await torua(['config', 'get', 'colour'])).code).toBe(EXIT_CODES.notFound.code);
  });

  // @req: cli.events, cli.json
  test('show up in events --follow as they change', async () => {
    const followed = start(['events', '--follow', '--json']);
    await eventually(() => expect(followed.out()).toContain('"type":"node_joined"'));
    const before = followed.out().length;
    expect((await torua(['config', 'set', 'dead_after=8m'])).code).toBe(0);
    const event = await eventually(() => {
      const line = followed
        .out()
        .slice(before)
        .split('\n')
        .find((one) => one.includes('config'));
      return JSON.parse(line ?? '') as { seq: number; type: string };
    });
    expect(event).toMatchObject({ type: 'config_changed' });
    followed.child.kill('SIGINT');
    expect((await followed.ended).code).toBe(0);
    const { out } = await torua(['events', '--since', String(event.seq - 1)]);
    expect(out).toMatch(new RegExp(`^${event.seq} \\S+Z config_changed`));
  });
});

/** A server that answers one request and tells what it was asked. */
async function answering(
  document: unknown,
): Promise<{ server: Server; url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    asked.push(`${request.method} ${request.url} ${Buffer.concat(pieces)}`);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

describe('a repair', () => {
  // @req: cli.recover, cli.exit-codes, cli.json
  test('without missing nodes is refused, and asked for in so many words', async () => {
    expect((await torua(['cluster', 'recover'])).code).toBe(EXIT_CODES.usage.code);
    const refused = await torua(['cluster', 'recover', '--accept-missing', '--json']);
    expect(refused.code).toBe(EXIT_CODES.failed.code);
    expect(JSON.parse(refused.err)).toMatchObject({ code: 'not_recovering' });
    const { server, url, asked } = await answering({ accepted: true, missing_nodes: ['node-3'] });
    const { code, out } = await start(['cluster', 'recover', '--accept-missing'], url).ended;
    server.close();
    expect(asked).toEqual(['POST /cluster/recover {"accept_missing":true}']);
    expect([code, out]).toEqual([0, 'recovering without node-3\n']);
  });

  // @req: cli.skip, cli.exit-codes, cli.json
  test('of a record that is not kept aside is refused, and asked for in so many words', async () => {
    expect((await torua(['shards', 'skip', '2', '--seq', '1'])).code).toBe(EXIT_CODES.usage.code);
    const words = ['shards', 'skip', '2', '--seq', '1', '--accept-data-loss'];
    const refused = await torua([...words, '--json']);
    expect(refused.code).toBe(EXIT_CODES.failed.code);
    expect(JSON.parse(refused.err)).toMatchObject({ code: 'nothing_kept_aside' });
    const { server, url, asked } = await answering({});
    const { code, out } = await start(words, url).ended;
    server.close();
    expect(asked).toEqual(['POST /shards/2/skip {"seq":1,"accept_data_loss":true}']);
    expect([code, out]).toEqual([0, 'record 1 of shard 2 is skipped\n']);
  });
});

describe('a data directory', () => {
  // @req: cli.inspect, cli.json
  test('is read by inspect beside the process that uses it', async () => {
    const directory = join(cluster.dataDir, 'node-1');
    expect((await torua(['inspect', directory])).out).toMatch(/^\S+node-1: {"format":1,/);
    const report = (await json('inspect', directory)) as {
      log: { segments: unknown[]; damage: unknown[] };
      copies: { last_seq: number; in_doubt: boolean; records: Record<string, number> }[];
    };
    expect(report).toMatchObject({ format: { kind: 'node' }, state: { nodes: 2, shards: 4 } });
    expect([report.log.segments.length > 0, report.log.damage]).toEqual([true, []]);
    expect(report.copies.map(({ in_doubt }) => in_doubt)).toEqual([false, false]);
    expect(report.copies.every(({ records }) => (records.put ?? 0) > 100)).toBe(true);
    expect(cluster.nodes[0]?.pid).toBeDefined();
  });

  // @req: data.documented
  test('holds no file that the reference does not name', () => {
    const page = readFileSync(join(projectRoot, 'docs/reference/data-directory.md'), 'utf8');
    const [ofNode, ofCoordinator] = [...page.matchAll(/```text\n(DATA_DIR\/\n[\s\S]*?)```/g)].map(
      ([, tree]) => documentedPaths(tree ?? ''),
    );
    for (const [member, documented] of [
      ['node-1', ofNode],
      ['node-2', ofNode],
      ['coordinator', ofCoordinator],
    ] as const) {
      const held = filesBelow(join(cluster.dataDir, member));
      expect(held.length).toBeGreaterThan(2);
      expect(held.filter((path) => !documented?.some((form) => form.test(path)))).toEqual([]);
    }
  });
});

/** Paths of files below a directory, relative to it. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((path) => join(directory, path))
    .filter((path) => !path.endsWith('.tmp') && statSync(path, { throwIfNoEntry: false })?.isFile())
    .map((path) => relative(directory, path));
}

/** The tree of the page as patterns of whole paths. */
function documentedPaths(tree: string): RegExp[] {
  const open: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', names = ''] = /^( *)((?:[^\s,]+, )*[^\s,]+)/.exec(line) ?? [];
    if (names === '') return [];
    const depth = indent.length / 2;
    open.length = depth;
    if (names.endsWith('/')) {
      open[depth] = depth === 0 ? '' : names;
      return [];
    }
    return names.split(', ').map((name) => patternOf(open.join('') + name));
  });
}

const patternOf = (path: string): RegExp =>
  new RegExp(
    `^${path
      .replaceAll('.', '\\.')
      .replace(/\d{16}(?=\\.seg)/, '\\d{16}')
      .replace('<copy_id>', '[0-9a-f]{16}')
      .replace('<aa>', '[0-9a-f]{2}')
      .replace('<sha256>', '[0-9a-f]{64}')
      .replaceAll('<n>', '\\d+')}$`,
  );

describe('every command', () => {
  const SUBCOMMANDS = ['config get', 'config set', 'cluster recover', 'shards skip'];

  // @req: cli.help
  test.each([...COMMAND_NAMES, ...SUBCOMMANDS])('%s --help shows an example', async (name) => {
    const { code, out, err } = await torua([...name.split(' '), '--help']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(new RegExp(`Example:\\n  \\$ torua ${name}`));
  });

  test('and the program tell what they are, and which version', async () => {
    const { code, out } = await torua(['--help']);
    expect(code).toBe(0);
    for (const name of COMMAND_NAMES) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(await torua(['--version'])).toMatchObject({ code: 0, out: `${version}\n`, err: '' });
  });

  // @req: cli.exit-codes
  test('ends with the code of the table that its help and the reference show', async () => {
    const help = (await torua(['--help'])).out;
    const reference = readFileSync(join(projectRoot, 'docs/reference/cli.md'), 'utf8');
    for (const { code, meaning } of Object.values(EXIT_CODES)) {
      expect(help).toMatch(new RegExp(`^ +${code} {2}${meaning}`, 'm'));
      expect(reference).toContain(meaning);
    }
    const ends = async (...words: string[]): Promise<number | null> => (await torua(words)).code;
    expect(await ends('get', 'absent/key')).toBe(EXIT_CODES.notFound.code);
    expect(await ends('gte')).toBe(EXIT_CODES.usage.code);
    expect(await ends('status', '--url', 'http://127.0.0.1:1')).toBe(EXIT_CODES.unreachable.code);
    expect(await ends('put', 'k', 'v', '--if-match', 'none')).toBe(EXIT_CODES.failed.code);
  });
});

// The last one: it empties the cluster.
// @req: cli.reset, cli.json, cli.exit-codes
test('reset deletes all data with --yes, and nothing without', async () => {
  await cluster.client.put('reset', 'kept');
  const refused = await torua(['reset']);
  expect([refused.code, refused.err.includes('--yes')]).toEqual([EXIT_CODES.usage.code, true]);
  expect((await cluster.client.get('reset'))?.text()).toBe('kept');
  expect(await json('reset', '--yes')).toEqual({ reset: true });
  expect(await cluster.client.get('reset')).toBeUndefined();
  expect((await torua(['list'])).out).toBe('');
  expect(await cluster.client.nodes()).toHaveLength(2);
});
