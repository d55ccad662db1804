/**
 * Two small programs that behave like a coordinator and a node as far as the helper can tell: tests of the helper
 * and of the command line use them, so that a fault in the real processes is never mistaken for one of the tools.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Programs } from './programs.ts';

const COORDINATOR = `
import { createServer } from 'node:http';
const nodes = new Map(), values = new Map();
const [host, port] = process.env.COORDINATOR_ADDR.split(':');
const json = (response, status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const bodyOf = async (request) => { const parts = []; for await (const part of request) parts.push(part); return Buffer.concat(parts); };
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://stub');
  const body = await bodyOf(request);
  const needed = Number(process.env.MIN_NODES);
  const status = nodes.size >= needed ? 'green' : 'red';
  if (pathname === '/register') { nodes.set(JSON.parse(body).id, true); return json(response, 200, {}); }
  if (pathname === '/cluster/health') return json(response, 200, { cluster_id: 'stub', status, timed_out: false, number_of_nodes: nodes.size,
    healthy_nodes: nodes.size, active_primaries: 4, active_replicas: 0, unassigned_shards: 0, warnings: [] });
  if (pathname === '/cluster/info') return json(response, 200, { cluster_id: 'stub', coordinator_version: '0', total_nodes: nodes.size,
    healthy_nodes: nodes.size, total_shards: 4, assigned_shards: 4, cluster_state: status, uptime: 1, state_version: 1 });
  if (pathname === '/cluster/events') return json(response, 200, { events: [{ seq: 1, time: 't', type: 'node_joined', node_id: 'node-1' }], next: 0 });
  if (pathname === '/cluster/reset') { values.clear(); return response.writeHead(204).end(); }
  if (pathname === '/data') return json(response, 200, { keys: [...values].map(([path, value]) => ({
    key: decodeURIComponent(path.slice(6)), etag: 'e', bytes: value.length, content_type: 'text/plain' })) });
  if (pathname.startsWith('/data/')) {
    if (request.method === 'PUT') { values.set(pathname, body); return response.writeHead(204, { etag: '"e"' }).end(); }
    const value = values.get(pathname);
    if (value) return response.writeHead(200, { etag: '"e"' }).end(value);
    return response.writeHead(404, { 'content-type': 'application/problem+json' })
      .end(JSON.stringify({ type: '', title: '', status: 404, detail: 'none', code: 'key_not_found', retryable: false }));
  }
  json(response, 404, {});
});
server.listen(Number(port), host, () => {
  process.stderr.write('a line of the log\\n');
  process.stdout.write(JSON.stringify({ event: 'listening', url: 'http://127.0.0.1:' + server.address().port }) + '\\n');
});
process.on('SIGTERM', () => process.exit(0));
`;

const NODE = `
import { createServer } from 'node:http';
if (process.env.STUB_FAILS) { process.stderr.write('NODE_LISTEN is wrong\\n'); process.exit(1); }
const [host, port] = process.env.NODE_LISTEN.split(':');
const server = createServer((request, response) => response.end('node'));
server.listen(Number(port), host, async () => {
  const url = 'http://127.0.0.1:' + server.address().port;
  await fetch(process.env.COORDINATOR_ADDR + '/register', { method: 'POST', body: JSON.stringify({ id: process.env.NODE_ID }) });
  process.stdout.write(JSON.stringify({ event: 'listening', url }) + '\\n');
});
process.on('SIGTERM', () => { if (!process.env.STUB_IGNORES_SIGTERM) process.exit(0); });
`;

/** Writes the two programs into the folder and gives their paths. */
export function writeStubPrograms(folder: string): Programs {
  const programs = { coordinator: join(folder, 'coordinator.mjs'), node: join(folder, 'node.mjs') };
  writeFileSync(programs.coordinator, COORDINATOR);
  writeFileSync(programs.node, NODE);
  return programs;
}
