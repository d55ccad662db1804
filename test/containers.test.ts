/** The container files are read, not run: what they say has to agree with each other and with the configuration. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { parseDuration, readEnvironment } from '../src/kernel/config.ts';

interface ComposeService {
  readonly build: { readonly context: string; readonly dockerfile: string };
  readonly image: string;
  readonly restart: string;
  readonly stop_grace_period: string;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly profiles?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly container_name?: string;
}

interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, null>>;
}

/** Names of the REST contract, section 8, by the process that reads them. A literal: this is a pin. */
const BOTH = [
  'COORDINATOR_ADDR',
  'HEALTH_CHECK_INTERVAL',
  'DEAD_AFTER',
  'DRAIN_TIMEOUT',
  'NODE_MEMORY',
  'NODE_THREADS',
  'CLUSTER_TOKEN',
  'VALUE_CACHE',
  'REQUEST_TIMEOUT',
  'REPLICA_TIMEOUT',
  'LOCK_WAIT',
  'SLOW_QUERY',
  'DATA_DIR',
  'LOG_LEVEL',
  'TORUA_VERSION',
  'ALLOW_RESET',
];
const VARIABLES = {
  coordinator: [
    ...BOTH,
    'COORDINATOR_ID',
    'COORDINATOR_URL',
    'METADATA_URL',
    'NUM_SHARDS',
    'REPLICATION_FACTOR',
    'AUTO_REBALANCE',
    'MIN_NODES',
    'ASSIGNMENT_DELAY',
  ],
  node: [...BOTH, 'NODE_ID', 'NODE_LISTEN', 'NODE_ADDR', 'NODE_MAX_SHARDS', 'NODE_ZONE'],
};

/** Read by Node and by the C library, not by Torua. */
const FOREIGN: ReadonlySet<string> = new Set(['NODE_ENV', 'MALLOC_ARENA_MAX']);

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const nodes = services.filter(([name]) => name !== 'coordinator');
const processOf = (name: string): 'coordinator' | 'node' =>
  name === 'coordinator' ? 'coordinator' : 'node';

/** A value with `${NAME:-default}` replaced by its default. */
const plain = (value: string | number): string =>
  String(value).replace(/\$\{\w+:-([^}]*)\}/g, (_, fallback: string) => fallback);

/** Instructions of a Dockerfile, continued lines joined, comments left out. */
function instructions(process: string): string[] {
  return readFileSync(`Dockerfile.${process}`, 'utf8')
    .replace(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

/** Variables that an image sets. */
function imageEnvironment(process: string): Record<string, string> {
  const pairs = instructions(process)
    .filter((line) => line.startsWith('ENV '))
    .flatMap((line) => line.slice('ENV '.length).trim().split(/\s+/))
    .map((pair) => pair.split('=') as [string, string]);
  return Object.fromEntries(pairs.filter(([name]) => !FOREIGN.has(name ?? '')));
}

/** The environment that a container of the compose file starts with. */
function environmentOf(name: string, service: ComposeService): Record<string, string> {
  const own = Object.entries(service.environment).map(([key, value]) => [key, plain(value)]);
  return { ...imageEnvironment(processOf(name)), ...Object.fromEntries(own) };
}

async function schemaOf(process: 'coordinator' | 'node'): Promise<z.ZodObject<z.ZodRawShape>> {
  const file = pathToFileURL(resolve(`src/${process}/config.ts`)).href;
  const module = (await import(file)) as Record<string, z.ZodObject<z.ZodRawShape>>;
  const schema = module[`${process}EnvironmentSchema`];
  if (schema === undefined) throw new Error(`no schema in src/${process}/config.ts`);
  return schema;
}

// @req: containers.images, containers.lean, containers.health
describe.each(['coordinator', 'node'] as const)('Dockerfile.%s', (process) => {
  const lines = instructions(process);
  const lastStage = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));

  test('builds in stages on Debian slim', () => {
    const images = lines
      .filter((line) => line.startsWith('FROM '))
      .map((line) => line.split(' ')[1]);
    expect(images.length).toBeGreaterThanOrEqual(2);
    expect(new Set(images)).toEqual(new Set(['node:22-bookworm-slim']));
  });

  test('installs from the lockfile with install scripts, and ships production packages only', () => {
    const installs = lines.filter((line) => line.includes('npm ci'));
    expect(installs).toHaveLength(2);
    expect(installs.filter((line) => line.includes('--omit=dev'))).toHaveLength(1);
    expect(lines.join('\n')).not.toMatch(/ignore-scripts|npm install/);
    expect(lastStage).toContain('COPY --from=packages /app/node_modules ./node_modules');
    expect(lastStage.join('\n')).not.toMatch(/COPY (src|test|scripts)/);
  });

  test("leaves kuzu's sources and foreign binaries out", () => {
    const install = lines.find((line) => line.includes('--omit=dev')) ?? '';
    const gone =
      process === 'node' ? ['kuzu/kuzu-source', 'kuzu/prebuilt'] : ['node_modules/kuzu '];
    for (const path of gone) expect(install).toContain(path);
  });

  test('starts the process as a user without rights, its data in a volume', () => {
    expect(lastStage).toContain('USER node');
    expect(lastStage).toContain('VOLUME /data');
    expect(lastStage.indexOf('USER node')).toBeGreaterThan(
      lastStage.findIndex((line) => line.includes('chown node:node /data')),
    );
    expect(lastStage.at(-1)).toBe(`CMD ["node", "dist/${process}/main.js"]`);
    expect(imageEnvironment(process)).toMatchObject({ DATA_DIR: '/data' });
  });

  test('is checked by node itself, on the port where it listens', () => {
    const check = lastStage.find((line) => line.startsWith('HEALTHCHECK')) ?? '';
    const { COORDINATOR_ADDR, NODE_LISTEN } = imageEnvironment(process);
    const port = (COORDINATOR_ADDR ?? NODE_LISTEN ?? '').split(':').at(-1);
    const path = process === 'coordinator' ? '/livez' : '/readyz';
    expect(check).toMatch(/CMD \["node", "-e", /);
    expect(check).toContain(`http://127.0.0.1:${port}${path}`);
    expect(lastStage).toContain(`EXPOSE ${port}`);
  });

  test('copies what exists and is not ignored', () => {
    const ignored = readFileSync('.dockerignore', 'utf8').split('\n');
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(copied.filter((path) => !existsSync(path) || ignored.includes(path))).toEqual([]);
  });
});

describe('docker-compose.yml', () => {
  // @req: containers.compose, containers.scale
  test('has one coordinator and three nodes, and more with the scale profile', () => {
    expect(nodes.filter(([, { profiles }]) => profiles === undefined)).toHaveLength(3);
    const scaled = nodes.filter(([, { profiles }]) => profiles !== undefined);
    expect(scaled.length).toBeGreaterThan(0);
    for (const [, { profiles }] of scaled) expect(profiles).toEqual(['scale']);
  });

  // @req: containers.published
  test('publishes the coordinator only, on loopback', () => {
    expect(compose.services.coordinator?.ports).toEqual([
      expect.stringMatching(/^127\.0\.0\.1:\$\{TORUA_PORT:-8080\}:8080$/),
    ]);
    expect(nodes.filter(([, { ports }]) => ports !== undefined)).toEqual([]);
  });

  // @req: containers.names, containers.restart
  test('names no container, restarts each, and gives it longer than the drain time', () => {
    for (const [name, service] of services) {
      expect(service.container_name, name).toBeUndefined();
      expect(service.restart, name).toBe('unless-stopped');
      const drainMs = parseDuration(plain(service.environment.DRAIN_TIMEOUT ?? '30s')) ?? 0;
      expect(parseDuration(service.stop_grace_period) ?? 0, name).toBeGreaterThan(drainMs);
    }
  });

  // @req: containers.token
  test('gives all the same token, with a default', () => {
    for (const [name, { environment }] of services) {
      expect(environment.CLUSTER_TOKEN, name).toMatch(/^\$\{CLUSTER_TOKEN:-torua-compose\}$/);
    }
  });

  test('keeps the data of each in a named volume of its own', () => {
    const used = services.map(([, { volumes }]) => volumes);
    for (const volumes of used) expect(volumes).toEqual([expect.stringMatching(/^[\w-]+:\/data$/)]);
    const names = used.map(([volume]) => volume?.split(':')[0]);
    expect(new Set(names).size).toBe(services.length);
    expect(Object.keys(compose.volumes).sort()).toEqual([...names].sort());
  });

  test('builds each service from its Dockerfile and waits for the coordinator', () => {
    for (const [name, { build }] of services) {
      expect(build).toEqual({ context: '.', dockerfile: `Dockerfile.${processOf(name)}` });
      expect(existsSync(build.dockerfile)).toBe(true);
    }
    for (const [, service] of nodes) {
      expect(service.depends_on).toEqual({ coordinator: { condition: 'service_healthy' } });
    }
  });

  test('names addresses under which the services find each other', () => {
    const { COORDINATOR_URL } = environmentOf(
      'coordinator',
      compose.services.coordinator as ComposeService,
    );
    expect(COORDINATOR_URL).toBe('http://coordinator:8080');
    for (const [name, service] of nodes) {
      const environment = environmentOf(name, service);
      expect(environment.NODE_ID).toBe(name);
      expect(environment.NODE_ADDR).toBe(`http://${name}:8081`);
      expect(environment.COORDINATOR_ADDR).toBe(COORDINATOR_URL);
      expect(environment.NODE_MEMORY).toBe('256MiB');
    }
  });

  // @req: containers.variables
  test.each(services)('sets for %s only what the contract knows', (name, service) => {
    const known = VARIABLES[processOf(name)];
    const unknown = Object.keys(environmentOf(name, service)).filter((key) => !known.includes(key));
    expect(unknown).toEqual([]);
  });

  test.each(services)('gives %s a configuration that it starts with', async (name, service) => {
    const schema = await schemaOf(processOf(name));
    expect(() => readEnvironment(schema, environmentOf(name, service))).not.toThrow();
  });
});

test('the image of a node keeps the arenas of its memory few', () => {
  const set = instructions('node').filter((line) => line.startsWith('ENV '));
  expect(set.join(' ')).toContain(' MALLOC_ARENA_MAX=2');
});
