import { expect, test } from 'vitest';
import { systemClock } from '../kernel/clock.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createMetrics } from '../kernel/metrics.ts';
import { systemRandom } from '../kernel/random.ts';
import { createApp } from './app.ts';
import { listen, parseListenAddress } from './listen.ts';

const appOf = () =>
  createApp({
    name: 'test',
    version: '0',
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics({ processMetrics: false }),
    requestTimeoutMs: 1_000,
    probes: {
      readiness: () => undefined,
      health: () => ({ cluster: { nodes: 0, shards: 0, replicas: 0, state: 'red' }, reasons: [] }),
    },
  });

test.each([
  ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
  [':8080', { host: undefined, port: 8080 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['[::1]:9', { host: '::1', port: 9 }],
  ['8080', undefined],
  ['a:b', undefined],
  ['a:65536', undefined],
  ['::1:80', undefined],
  ['http://a:80', undefined],
  ['', undefined],
])('%j is read as %j', (text, expected) => {
  expect(parseListenAddress(text)).toEqual(expected);
});

test('a listening process prints one line with a URL that answers', async () => {
  for (const [address, reachable] of [
    ['127.0.0.1:0', false],
    [':0', true],
  ] as const) {
    const app = await appOf();
    const lines: string[] = [];
    const listening = await listen(app, {
      address,
      variable: 'NODE_LISTEN',
      print: (line) => lines.push(line),
    });
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { event: 'listening', url: listening.url },
    ]);
    expect(listening).toEqual({
      url: `http://127.0.0.1:${listening.port}`,
      port: expect.any(Number),
      reachable,
    });
    expect((await fetch(`${listening.url}/livez`)).status).toBe(200);
    await app.close();
  }
});

test("a taken port and an address of another machine stop the start with the variable's name", async () => {
  const first = await appOf();
  const second = await appOf();
  const third = await appOf();
  const { port } = await listen(first, { address: '127.0.0.1:0', variable: 'X', print: () => {} });
  const address = `127.0.0.1:${port}`;
  await expect(
    listen(second, { address, variable: 'COORDINATOR_ADDR', print: () => {} }),
  ).rejects.toMatchObject({
    code: 'address_in_use',
    detail: expect.stringContaining(`COORDINATOR_ADDR is "${address}"`),
  });
  await expect(
    listen(third, { address: '192.0.2.1:0', variable: 'NODE_LISTEN', print: () => {} }),
  ).rejects.toMatchObject({
    code: 'config_invalid',
    detail: expect.stringContaining('NODE_LISTEN'),
  });
  await expect(
    listen(third, { address: 'nonsense', variable: 'NODE_LISTEN', print: () => {} }),
  ).rejects.toMatchObject({ code: 'config_invalid' });
  await Promise.all([first.close(), second.close(), third.close()]);
});
