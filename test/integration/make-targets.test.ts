/** The commands of the Makefile that no other test plays, and the quick start that the first Torua's users know. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../src/testing/testing.ts';
import { entries, type Program, projectRoot, Stage } from './support-programs.ts';

const run = promisify(execFile);
const LISTED =
  'help start stop start-test run-coordinator run-node build test test-unit test-bdd coverage bench docs simulate fix clean';

const make = async (...words: string[]): Promise<string> =>
  (await run('make', words, { cwd: projectRoot })).stdout;

describe('make', () => {
  // @req: make.help
  test('help lists every target with what it does', async () => {
    const text = readFileSync(join(projectRoot, 'Makefile'), 'utf8');
    const targets = /^\.PHONY: (.*)$/m.exec(text)?.[1]?.split(' ') ?? [];
    expect(targets).toEqual(LISTED.split(' '));
    const help = await make('help');
    expect(help.match(/(?<=^ {2}make )\S+(?= +\S)/gm)).toEqual(targets);
    expect(await make()).toBe(help);
  });

  // @req: make.test-bdd
  test('test-bdd gives ARGS to Cucumber', async () => {
    const commands = await make('-n', 'test-bdd', 'ARGS=--tags @keys --dry-run');
    expect(commands).toMatch(/ npx cucumber-js --tags @keys --dry-run$/m);
  });

  test('start-test runs Procfile.test: its ports, fast checks, data of its own', async () => {
    expect(await make('-n', 'start-test')).toMatch(/^node scripts\/start\.mjs --test$/m);
    const lines = readFileSync(join(projectRoot, 'Procfile.test'), 'utf8')
      .trim()
      .split('\n')
      .slice(1);
    expect(
      lines.map(
        (line) => / \S*(?:COORDINATOR_ADDR|NODE_LISTEN)=127\.0\.0\.1:(\d+)/.exec(line)?.[1],
      ),
    ).toEqual(['18080', '18081', '18082', '18083']);
    for (const line of lines) {
      expect(line).toContain(' HEALTH_CHECK_INTERVAL=500ms ');
      expect(line).toMatch(/ DATA_DIR=\$\{TEST_DATA:-\.torua\/test-data\}\//);
    }
  });
});

/** Ports that are free now, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) =>
          server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
        ),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

describe('the original’s quick start', () => {
  const stage = new Stage();
  let url: string;
  let nodeUrl: string;
  let programs: Program[];

  beforeAll(async () => {
    const [port, nodePort] = await freePorts(2);
    const cwd = stage.folder();
    url = `http://127.0.0.1:${port}`;
    nodeUrl = `http://127.0.0.1:${nodePort}`;
    const coordinator = stage.start({
      words: [entries.coordinator],
      env: { COORDINATOR_ADDR: `:${port}` },
      cwd,
    });
    const node = stage.start({
      words: [entries.node],
      env: {
        NODE_ID: 'node-1',
        NODE_LISTEN: `:${nodePort}`,
        NODE_ADDR: `127.0.0.1:${nodePort}`,
        COORDINATOR_ADDR: url,
      },
      cwd,
    });
    programs = [coordinator, node];
  });

  afterAll(() => stage.close());

  /** As curl does it: no header of ours, no redirect followed. */
  const curl = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${url}${path}`, { redirect: 'manual', ...init });
  const form = { 'content-type': 'application/x-www-form-urlencoded' };

  // @req: make.original
  test('works as it stands: four variables, PUT and GET of /store/hello', async () => {
    await eventually(
      async () => {
        for (const program of programs) expect(program.exit()).toBeUndefined();
        const put = await curl('/store/hello', { method: 'PUT', body: 'world', headers: form });
        expect(put.status).toBe(204);
      },
      { timeoutMs: 40_000 },
    );
    const got = await curl('/store/hello');
    expect([got.status, await got.text()]).toEqual([200, 'world']);
    expect(programs.map((program) => program.exit())).toEqual([undefined, undefined]);
  }, 60_000);

  // @req: http.metrics
  test('both processes have metrics in the text format of Prometheus', async () => {
    for (const process of [url, nodeUrl]) {
      const answer = await fetch(`${process}/metrics`);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      const text = await answer.text();
      expect(text).toMatch(
        /^# HELP torua_requests_total .+\n# TYPE torua_requests_total counter$/m,
      );
      expect(text).toMatch(/^torua_event_loop_delay_seconds [\d.e-]+$/m);
      const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      expect(samples.filter((line) => !/^[a-z0-9_]+(\{.*\})? [\d.e+-]+$/.test(line))).toEqual([]);
    }
  });

  // @req: http.no-redirect
  test('reads and writes of any key and size are answered where they were asked', async () => {
    for (const key of ['key1', 'key2', 'key3', 'key4', 'a//b', 'a/../b']) {
      const path = `/data/${encodeURIComponent(key)}`;
      const body = Buffer.alloc(key === 'key4' ? 200_000 : 10, key);
      expect((await curl(path, { method: 'PUT', body })).status).toBe(204);
      const got = await curl(path);
      expect([got.status, Buffer.from(await got.arrayBuffer()).equals(body)]).toEqual([200, true]);
      expect((await curl(path, { method: 'HEAD' })).status).toBe(200);
      expect((await curl(path, { method: 'DELETE' })).status).toBe(204);
    }
  });
});
