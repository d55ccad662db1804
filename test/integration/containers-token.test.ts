/** As docker-compose.yml sets it up, with processes: peers that are not on loopback join with the token, and only so. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createClient } from '../../src/client/client.ts';
import { eventually } from '../../src/testing/testing.ts';
import { projectRoot, Stage } from './support-programs.ts';

const stage = new Stage();
afterEach(() => stage.close());

/** An address of this machine that is not loopback; undefined where there is none. */
const address = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
if (address === undefined)
  process.stderr.write('this machine has no address besides loopback: the token is not played\n');

interface Compose {
  readonly services: Record<string, { readonly environment: Record<string, string> }>;
}

/** CLUSTER_TOKEN of a service as compose fills it in where the user sets nothing. */
function tokenOf(service: string): string {
  const compose = parse(readFileSync(join(projectRoot, 'docker-compose.yml'), 'utf8'), {
    merge: true,
  }) as Compose;
  const text = compose.services[service]?.environment.CLUSTER_TOKEN ?? '';
  return /^\$\{CLUSTER_TOKEN:-(.+)\}$/.exec(text)?.[1] ?? `no default in ${text}`;
}

async function coordinatorAt(host: string, env: Readonly<Record<string, string>>): Promise<string> {
  const program = stage.coordinator({ COORDINATOR_ADDR: `${host}:0`, LOG_LEVEL: 'info', ...env });
  const url = new URL(await program.url());
  return `http://${host}:${url.port}`;
}

const nodesAt = async (url: string): Promise<unknown[]> =>
  ((await (await fetch(`${url}/nodes`)).json()) as { nodes: unknown[] }).nodes;

// @req: containers.token.played, http.access.token, env.cluster-token, env.open-warning, cluster.health.warning
test.runIf(address)(
  'a node on another address joins with the token of docker-compose.yml',
  async () => {
    const CLUSTER_TOKEN = tokenOf('coordinator');
    expect([CLUSTER_TOKEN, tokenOf('node-1')]).toEqual(['torua-compose', 'torua-compose']);
    const url = await coordinatorAt(address ?? '', { CLUSTER_TOKEN });
    const node = stage.node({ COORDINATOR_ADDR: url, NODE_LISTEN: `${address}:0`, CLUSTER_TOKEN });
    expect(new URL(await node.url()).hostname).toBe(address);
    const client = createClient({ url });
    await eventually(async () => expect((await client.health()).status).toBe('green'));
    await client.put('hello', 'world');
    await client.put('large', Buffer.alloc(300_000, 'x'));
    expect((await client.get('hello'))?.text()).toBe('world');
    expect((await client.get('large'))?.bytes).toBe(300_000);
    const health = (await (await fetch(`${url}/cluster/health`)).json()) as { warnings?: string[] };
    expect(health.warnings).toEqual([expect.stringContaining('without authentication')]);
    await client.close();
  },
  30_000,
);

const wrong = [
  ['without a token', {}],
  ['with another token', { CLUSTER_TOKEN: 'another' }],
] as const;

// @req: http.access.token, containers.token.played
test.runIf(address).each(wrong)(
  'a node %s is refused, in words that name the variable',
  async (_, env) => {
    const url = await coordinatorAt(address ?? '', { CLUSTER_TOKEN: tokenOf('coordinator') });
    const node = stage.node({ COORDINATOR_ADDR: url, NODE_LISTEN: `${address}:0`, ...env });
    const nodeUrl = await node.url();
    await eventually(async () => {
      const answer = await fetch(`${nodeUrl}/readyz`);
      const problem = (await answer.json()) as { code: string; detail: string };
      expect(answer.status).toBe(503);
      expect(problem.code).toBe('waiting_for_assignment');
      expect(problem.detail).toContain('CLUSTER_TOKEN');
    });
    expect(await nodesAt(url)).toEqual([]);
    const answer = await fetch(`${url}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ node: { id: 'stranger', addr: `http://${address}:1` } }),
    });
    expect([answer.status, await answer.json()]).toEqual([
      403,
      expect.objectContaining({
        code: 'cluster_token_required',
        detail: expect.stringContaining('CLUSTER_TOKEN'),
      }),
    ]);
  },
);

// @req: http.access.loopback
test.runIf(address)(
  'where no token is set a peer from another address is refused, a loopback peer is not',
  async () => {
    const url = await coordinatorAt('0.0.0.0', {});
    const { port } = new URL(url);
    const register = (host: string, id: string) =>
      fetch(`http://${host}:${port}/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ node: { id, addr: `http://${host}:1` } }),
      });
    const refused = await register(address ?? '', 'far');
    expect([refused.status, await refused.json()]).toEqual([
      403,
      expect.objectContaining({ detail: expect.stringContaining('set CLUSTER_TOKEN') }),
    ]);
    expect((await register('127.0.0.1', 'near')).status).toBe(200);
    expect(await nodesAt(`http://127.0.0.1:${port}`)).toMatchObject([{ id: 'near' }]);
  },
);
