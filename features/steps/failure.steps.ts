/** Steps that take processes and disks away, and look at what that costs. All need the tag @procs. */
import { strict as assert } from 'node:assert';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type DataTable, Given, Then, When } from '@cucumber/cucumber';
import type { Call } from '../../src/client/call.ts';
import { attendedClock } from '../../src/kernel/clock.ts';
import { valueAt } from '../../src/testing/json-path.ts';
import { eventually } from '../../src/testing/testing.ts';
import type { FeatureWorld } from './feature-world.ts';
import { Writers } from './writers.ts';

/** Time for a change of the cluster to be seen, in milliseconds. */
const CHANGE_MS_MAX = 20_000;
/** A lease lasts two health intervals; this many are certainly more. */
const INTERVALS_BEYOND_LEASE = 3;

When(
  'I kill the node that holds the key {string}',
  async function (this: FeatureWorld, key: string) {
    this.place = await this.placeOf(key);
    await (await this.processes()).kill(this.place.nodeId);
  },
);

When('I start the node that was killed again', async function (this: FeatureWorld) {
  await (await this.processes()).restart(this.knownPlace().nodeId);
});

Then(
  'the node that was killed becomes {string}',
  async function (this: FeatureWorld, status: string) {
    const client = await this.client();
    const { nodeId } = this.knownPlace();
    await eventually(async () => assert.equal((await client.node(nodeId)).status, status), {
      timeoutMs: CHANGE_MS_MAX,
    });
  },
);

Then(
  'the shard of the key {string} is still placed on the node that was killed',
  async function (this: FeatureWorld, key: string) {
    assert.deepEqual(await this.placeOf(key), this.knownPlace());
  },
);

When(
  'I suspend the node that holds the key {string}',
  async function (this: FeatureWorld, key: string) {
    this.place = await this.placeOf(key);
    (await this.processes()).suspend(this.place.nodeId);
  },
);

When(
  'I resume the node that holds the key {string}',
  async function (this: FeatureWorld, key: string) {
    assert.equal((await this.placeOf(key)).nodeId, this.knownPlace().nodeId);
    (await this.processes()).resume(this.knownPlace().nodeId);
  },
);

When('I restart {string}', async function (this: FeatureWorld, target: string) {
  await (await this.processes()).restart(target);
});

Then(
  'none of these has another answer than 502 or 503:',
  async function (this: FeatureWorld, requests: DataTable) {
    const statuses: string[] = [];
    for (const { method = '', path = '' } of requests.hashes()) {
      this.requestHeaders['x-torua-deadline-ms'] = '400';
      const body = method === 'PUT' ? 'other' : undefined;
      const { status } = await this.send({ method: method as Call['method'], path, body });
      if (status !== 502 && status !== 503) statuses.push(`${method} ${path}: ${status}`);
    }
    assert.deepEqual(statuses, []);
  },
);

Given('{int} clients write keys without pause', async function (this: FeatureWorld, count: number) {
  this.writers = new Writers(await this.client(), count);
  await moreWrites(this, 50);
});

When('{int} further writes are acknowledged', async function (this: FeatureWorld, count: number) {
  await moreWrites(this, count);
});

async function moreWrites(world: FeatureWorld, count: number): Promise<void> {
  const acknowledged = (): number => world.writers?.acknowledged.size ?? 0;
  const wanted = acknowledged() + count;
  await eventually(
    () => {
      const seen = acknowledged();
      assert.ok(seen >= wanted, `${seen} writes were acknowledged, not ${wanted}`);
    },
    { timeoutMs: CHANGE_MS_MAX },
  );
}

When('the clients stop writing', async function (this: FeatureWorld) {
  await this.writers?.stop();
});

Then('every write that was acknowledged is there', async function (this: FeatureWorld) {
  const wanted = this.writers?.acknowledged ?? new Map<string, string>();
  const operations = [...wanted.keys()].map((key) => ({ op: 'get', key }) as const);
  const lost: string[] = [];
  for await (const answer of (await this.client()).bulk(operations)) {
    if (answer.value !== wanted.get(answer.key ?? '')) lost.push(`${answer.key}: ${answer.status}`);
  }
  assert.ok(wanted.size > 0, 'nothing was acknowledged');
  assert.deepEqual(lost, []);
});

Then(
  '{int} writes to the other node are acknowledged within {int} seconds',
  async function (this: FeatureWorld, count: number, seconds: number) {
    const client = await this.client();
    const keys: string[] = [];
    for (let number = 0; keys.length < count; number += 1) {
      const { nodeId } = await this.placeOf(`w${number}`);
      if (nodeId !== this.knownPlace().nodeId) keys.push(`w${number}`);
    }
    const startedMs = attendedClock.monotonicMs();
    for (const key of keys) await client.put(key, 'v', { timeoutMs: seconds * 1_000 });
    const spentMs = attendedClock.monotonicMs() - startedMs;
    assert.ok(spentMs < seconds * 1_000, `${spentMs} ms`);
  },
);

When('I stop every process, the coordinator first', async function (this: FeatureWorld) {
  const cluster = await this.processes();
  assert.equal(await cluster.kill('coordinator', 'SIGTERM'), 0);
  const codes = await Promise.all(cluster.nodes.map((node) => cluster.kill(node.id, 'SIGTERM')));
  assert.deepEqual(codes, Array(cluster.nodes.length).fill(0));
});

Then('the process of {string} ends by itself', async function (this: FeatureWorld, nodeId: string) {
  const cluster = await this.processes();
  await eventually(
    () => assert.equal(cluster.nodes.find(({ id }) => id === nodeId)?.pid, undefined),
    { timeoutMs: CHANGE_MS_MAX },
  );
});

When('the coordinator is killed and loses its disk', async function (this: FeatureWorld) {
  await killAndEmpty(this, 'coordinator');
});

When(
  'the node that holds the key {string} is killed and loses its disk',
  async function (this: FeatureWorld, key: string) {
    this.place = await this.placeOf(key);
    await killAndEmpty(this, this.place.nodeId);
  },
);

async function killAndEmpty(world: FeatureWorld, target: string): Promise<void> {
  const cluster = await world.processes();
  await cluster.kill(target);
  rmSync(join(cluster.dataDir, target), { recursive: true });
}

Then(
  'it serves a write and a read within {int} seconds of being started again',
  async function (this: FeatureWorld, seconds: number) {
    const cluster = await this.processes();
    const startedMs = attendedClock.monotonicMs();
    await cluster.restart('coordinator');
    await cluster.client.put('first', 'write', { timeoutMs: seconds * 1_000 });
    assert.equal((await cluster.client.get('first'))?.text(), 'write');
    const spentMs = attendedClock.monotonicMs() - startedMs;
    assert.ok(spentMs < seconds * 1_000, `it took ${spentMs} ms`);
  },
);

Then(
  'the coordinator answers \\/readyz with {int} {string}',
  async function (this: FeatureWorld, status: number, code: string) {
    await eventually(async () => {
      const answer = await this.send({ method: 'GET', path: '/readyz' });
      assert.deepEqual([answer.status, valueAt(this.lastJson(), 'code')], [status, code]);
    });
  },
);

Then('a read is refused with {string}', async function (this: FeatureWorld, code: string) {
  await refused(this, { method: 'GET', path: '/data/any' }, code);
});

Then('a write is refused with {string}', async function (this: FeatureWorld, code: string) {
  await refused(this, { method: 'PUT', path: '/data/any', body: 'v' }, code);
});

async function refused(
  world: FeatureWorld,
  call: Pick<Call, 'method' | 'path' | 'body'>,
  code: string,
): Promise<void> {
  world.requestHeaders['x-torua-deadline-ms'] = '400';
  const answer = await world.send(call);
  assert.deepEqual([answer.status, valueAt(world.lastJson(), 'code')], [503, code]);
}

When(
  'the lease of {string} has certainly run out',
  async function (this: FeatureWorld, nodeId: string) {
    const cluster = await this.processes();
    assert.ok(cluster.nodes.some(({ id }) => id === nodeId));
    const interval = Number.parseInt(this.clusterOptions.env?.HEALTH_CHECK_INTERVAL ?? '', 10);
    const startedMs = attendedClock.monotonicMs();
    // Nobody can be asked: the one may hang, the other is cut off. So it is the clock that says it.
    await eventually(() => {
      const spentMs = attendedClock.monotonicMs() - startedMs;
      assert.ok(spentMs >= interval * INTERVALS_BEYOND_LEASE, `${spentMs} ms`);
    });
  },
);

Then(
  'the first answers of {string} to a read of {string} are all 503 {string}',
  async function (this: FeatureWorld, nodeId: string, key: string, code: string) {
    const url = (await this.processes()).nodes.find(({ id }) => id === nodeId)?.url ?? '';
    const client = this.clientOf(url);
    const codes = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const path = `/shard/0/store/${key}`;
        const answer = await client.raw.send({ method: 'GET', path, accept: 'any' });
        return `${answer.status} ${valueAt(JSON.parse(await answer.body.text()), 'code')}`;
      }),
    );
    assert.deepEqual(codes, Array(5).fill(`503 ${code}`));
  },
);

When(
  'a second process starts as {string} with a directory of its own',
  async function (this: FeatureWorld, nodeId: string) {
    await (await this.processes()).addNode({ id: 'second', env: { NODE_ID: nodeId } });
  },
);

Then('the second process is neither ready nor connected', async function (this: FeatureWorld) {
  const cluster = await this.processes();
  const client = this.clientOf(cluster.nodes.find(({ id }) => id === 'second')?.url ?? '');
  const info = await client.raw.json({ method: 'GET', path: '/info' });
  assert.equal(valueAt(info, 'coordinator.connected'), false);
  const ready = await client.raw.send({ method: 'GET', path: '/readyz', accept: 'any' });
  await ready.body.dump();
  assert.equal(ready.status, 503);
});
