/** The World of our own features: what `torua/cucumber` gives, and the state that only our scenarios need. */
import { strict as assert } from 'node:assert';
import type { ClientRequest } from 'node:http';
import { After, Before, setWorldConstructor } from '@cucumber/cucumber';
import '../../src/testing/cucumber.ts';
import type { Call } from '../../src/client/call.ts';
import { createClient, type ToruaClient } from '../../src/client/client.ts';
import { shardOfKey } from '../../src/kernel/fnv1a.ts';
import type { ClusterEvent } from '../../src/protocol/rest-cluster.ts';
import { eventually } from '../../src/testing/testing.ts';
import { type SeenAnswer, ToruaWorld } from '../../src/testing/world.ts';
import type { PretendNode } from './pretend-node.ts';
import type { Writers } from './writers.ts';

/** Where a key lay when a step last looked. */
export interface KeyPlace {
  readonly shardId: number;
  readonly nodeId: string;
}

/** A bulk request whose lines are written by steps, both directions open at once. */
interface OpenBulk {
  readonly request: ClientRequest;
  readonly answer: AsyncIterator<string>;
}

/** See the module. */
export class FeatureWorld extends ToruaWorld {
  /** The bytes stored last by a step that made them up. */
  bytes: Buffer = Buffer.alloc(0);
  /** Where the key of a step about "the node that holds" lay. */
  place: KeyPlace | undefined;
  /** A request that a later step waits for. */
  waiting: Promise<SeenAnswer> | undefined;
  openBulk: OpenBulk | undefined;
  /** Keys that pages held, in the order in which they came. */
  pages: string[] = [];
  /** Events that arrived while they were followed. */
  readonly followed: ClusterEvent[] = [];
  readonly pretendNodes = new Map<string, PretendNode>();
  writers: Writers | undefined;
  /** Run after the scenario, the newest first. */
  readonly cleanups: (() => Promise<void> | void)[] = [];
  readonly #nodeClients = new Map<string, ToruaClient>();

  /** Sends one request to the node itself and keeps the answer, whatever its status. */
  async sendToNode(
    nodeId: string,
    call: Pick<Call, 'method' | 'path' | 'body'>,
  ): Promise<SeenAnswer> {
    const client = await this.nodeClient(nodeId);
    const headers = this.requestHeaders;
    this.requestHeaders = {};
    const answer = await client.raw.send({ ...call, headers, accept: 'any' });
    const body = Buffer.from(await answer.body.arrayBuffer());
    this.answer = { status: answer.status, headers: answer.headers, body };
    return this.answer;
  }

  /** A client that speaks to the node itself, and once per request. Its address is remembered. */
  async nodeClient(nodeId: string): Promise<ToruaClient> {
    const known = this.#nodeClients.get(nodeId);
    if (known) return known;
    const client = this.clientOf(await this.#addressOf(nodeId));
    this.#nodeClients.set(nodeId, client);
    return client;
  }

  /** Of processes of our own it is known also while the coordinator cannot be asked. */
  async #addressOf(nodeId: string): Promise<string> {
    const own = this.ownsProcesses ? (await this.processes()).nodes : [];
    const url = own.find(({ id }) => id === nodeId)?.url;
    if (url !== undefined) return url;
    const node = (await (await this.client()).nodes()).find(({ id }) => id === nodeId);
    assert.ok(node, `the cluster has no node ${nodeId}`);
    return node.addr;
  }

  /** A client that lives as long as the scenario and sends each request once. */
  clientOf(address: string): ToruaClient {
    const url = address.includes('://') ? address : `http://${address}`;
    const client = createClient({ url, retry: false, timeoutMs: 10_000 });
    this.cleanups.push(() => client.close());
    return client;
  }

  /** Ids of the nodes that are real: those that a scenario only pretends are left out. */
  async realNodes(): Promise<string[]> {
    const nodes = await (await this.client()).nodes();
    return nodes.map(({ id }) => id).filter((id) => !this.pretendNodes.has(id));
  }

  /** Where a key lies by arithmetic and the list of shards; needs no answer of its node. */
  async placeOf(key: string): Promise<KeyPlace> {
    const shards = await (await this.client()).shards();
    const shardId = shardOfKey(key, shards.length);
    return { shardId, nodeId: shards[shardId]?.nodeId ?? '' };
  }

  /** Numbers of the shards whose primary is on the node, ascending. */
  async shardsOn(nodeId: string): Promise<number[]> {
    const shards = await (await this.client()).shards();
    return shards.filter((shard) => shard.nodeId === nodeId).map(({ shardId }) => shardId);
  }

  /** The place that an earlier step looked up. */
  knownPlace(): KeyPlace {
    assert.ok(this.place, 'no step has said which key');
    return this.place;
  }

  /** The settings as PUT /cluster/config takes them. */
  async settings(): Promise<Record<string, string | number | boolean>> {
    const answer = await (await this.client()).raw.json({ method: 'GET', path: '/cluster/config' });
    return (answer as { config: Record<string, string | number | boolean> }).config;
  }
}

setWorldConstructor(FeatureWorld);

Before({ tags: '@settings' }, async function (this: FeatureWorld) {
  const settings = await this.settings();
  this.cleanups.push(async () => {
    await (await this.client()).configure(settings);
  });
});

After(async function (this: FeatureWorld) {
  await this.writers?.stop();
  await forgetPretendNodes(this);
  for (const cleanup of this.cleanups.reverse()) await cleanup();
});

/** Takes what was only pretended off the cluster's list, so that the next scenario finds the cluster as it was. */
async function forgetPretendNodes(world: FeatureWorld): Promise<void> {
  if (world.pretendNodes.size === 0) return;
  for (const node of world.pretendNodes.values()) await node.close();
  if (world.ownsProcesses) return;
  const client = await world.client();
  const { dead_after, health_check_interval } = await world.settings();
  await client.configure({ dead_after: health_check_interval ?? '2s' });
  const present = new Set((await client.nodes()).map(({ id }) => id));
  for (const id of world.pretendNodes.keys()) {
    if (present.has(id)) await eventually(() => client.forgetNode(id), { timeoutMs: 20_000 });
  }
  await client.configure({ dead_after: dead_after ?? '30s' });
}
