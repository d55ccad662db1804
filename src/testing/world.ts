/**
 * All state of one scenario: its cluster, the last answer, what it remembers. Steps hold none. A scenario tagged
 * `@procs` gets a cluster of its own; the others share one, emptied for each; with TORUA_URL all use that one.
 */
import { strict as assert } from 'node:assert';
import { World } from '@cucumber/cucumber';
import type { Call } from '../client/call.ts';
import { createClient, type ToruaClient } from '../client/client.ts';
import { ToruaRequestError } from '../client/request-error.ts';
import { givenUrl } from './config.ts';
import { type Cluster, type ClusterOptions, startCluster } from './testing.ts';

/** An answer as a user sees it, whatever its status. */
export interface SeenAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Clusters that outlive a scenario. */
interface SharedCluster {
  running: Promise<Cluster> | undefined;
  /** The state's version right after the last reset. */
  emptiedAtVersion: number | undefined;
}

const shared: SharedCluster = { running: undefined, emptiedAtVersion: undefined };

/** Deletes what earlier scenarios left. One that only asked left nothing, and a reset costs more than a look. */
async function emptied(client: ToruaClient): Promise<void> {
  const { stateVersion } = await client.info();
  const { done: isEmpty } = await client.list({ pageSize: 1 }).next();
  if (isEmpty && stateVersion === shared.emptiedAtVersion) return;
  await client.reset();
  shared.emptiedAtVersion = (await client.info()).stateVersion;
}

/** Ends the shared cluster. Errors: as `Cluster.close`. */
export async function closeSharedCluster(): Promise<void> {
  const cluster = await shared.running?.catch(() => undefined);
  shared.running = undefined;
  shared.emptiedAtVersion = undefined;
  await cluster?.close();
}

/** State of a scenario, and the few things that steps do with it. */
export class ToruaWorld extends World {
  /** Options of the scenario's own cluster; set before its first use. */
  clusterOptions: ClusterOptions = {};
  /** Headers of the next request; emptied by it. */
  requestHeaders: Record<string, string> = {};
  answer: SeenAnswer | undefined;
  /** Exit codes of processes that this scenario ended, by id. */
  readonly exitCodes = new Map<string, number | null>();
  /** Words that a step kept for a later one. */
  readonly remembered = new Map<string, string>();
  /** Whether the scenario may stop processes; set by the hooks from its tags. */
  ownsProcesses = false;
  #cluster: Cluster | undefined;
  #client: ToruaClient | undefined;
  #once: ToruaClient | undefined;
  #ownClient: ToruaClient | undefined;
  #eventsSince = 0;

  /** The scenario's cluster. Errors: when it runs elsewhere (TORUA_URL), or is shared with other scenarios. */
  async processes(): Promise<Cluster> {
    assert.ok(this.ownsProcesses, 'a scenario that stops processes needs the tag @procs');
    await this.client();
    assert.ok(this.#cluster, 'the processes of the cluster at TORUA_URL cannot be controlled');
    return this.#cluster;
  }

  /** A client of the scenario's cluster, which is started or emptied at the first call. */
  async client(): Promise<ToruaClient> {
    this.#client ??= await this.#connect();
    return this.#client;
  }

  /** Events before this number belong to earlier scenarios. */
  get eventsSince(): number {
    return this.#eventsSince;
  }

  /** Sends one request once and keeps the answer, whatever its status. */
  async send(call: Pick<Call, 'method' | 'path' | 'body'>): Promise<SeenAnswer> {
    const { url } = await this.client();
    this.#once ??= createClient({ url, retry: false, timeoutMs: 30_000 });
    const headers = this.requestHeaders;
    this.requestHeaders = {};
    const answer = await this.#once.raw.send({ ...call, headers, accept: 'any' });
    const body = Buffer.from(await answer.body.arrayBuffer());
    this.answer = { status: answer.status, headers: answer.headers, body };
    return this.answer;
  }

  /** The text with each `<word>` replaced by what was remembered under the word. */
  recall(text: string): string {
    return text.replace(/<([^<>]+)>/g, (whole, word: string) => this.remembered.get(word) ?? whole);
  }

  /** The last answer. Errors: when the scenario sent no request yet. */
  lastAnswer(): SeenAnswer {
    assert.ok(this.answer, 'this scenario has sent no request yet');
    return this.answer;
  }

  /** The last answer's JSON. */
  lastJson(): unknown {
    const text = this.lastAnswer().body.toString('utf8');
    try {
      return JSON.parse(text);
    } catch {
      return assert.fail(`the answer is not JSON: ${text.slice(0, 500)}`);
    }
  }

  /** What helps to understand a failure: last answer, state of the cluster, output of each process. */
  async evidence(): Promise<{ name: string; text: string }[]> {
    const answer = this.answer;
    const evidence: { name: string; text: string }[] = [];
    if (answer) {
      const body = answer.body.subarray(0, 10_000).toString('utf8');
      evidence.push({
        name: 'last answer',
        text: `${answer.status}\n${JSON.stringify(answer.headers)}\n${body}`,
      });
    }
    const health = await this.#client
      ?.health({ timeoutMs: 1_000 })
      .then(JSON.stringify, (error: unknown) => `no answer: ${error}`);
    if (health) evidence.push({ name: 'cluster health', text: health });
    const cluster = this.#cluster ?? (await shared.running?.catch(() => undefined));
    if (cluster) evidence.push({ name: 'logs', text: cluster.logs().slice(-200_000) });
    for (const [id, code] of this.exitCodes)
      evidence.push({ name: `exit code of ${id}`, text: String(code) });
    return evidence;
  }

  /** Ends what the scenario started. Errors: as `Cluster.close`. */
  async end(options: { failed: boolean }): Promise<void> {
    await this.#once?.close();
    await this.#ownClient?.close();
    if (!this.ownsProcesses || !this.#cluster) return;
    if (options.failed) this.log(`the data of this scenario stays in ${this.#cluster.dataDir}`);
    await this.#cluster.close({ keepData: options.failed });
  }

  async #connect(): Promise<ToruaClient> {
    const client = await this.#reach();
    if (!this.ownsProcesses) this.#eventsSince = (await client.events()).next;
    return client;
  }

  async #reach(): Promise<ToruaClient> {
    const url = givenUrl();
    if (url === undefined && this.ownsProcesses) {
      this.#cluster = await startCluster(this.clusterOptions);
      return this.#cluster.client;
    }
    if (url === undefined) {
      shared.running ??= startCluster();
      const { client } = await shared.running;
      await emptied(client);
      return client;
    }
    const client = createClient({ url });
    this.#ownClient = client;
    await emptied(client).catch((error: unknown) => {
      // A cluster that keeps its data is used as it is; its scenarios must bring keys of their own.
      if (!(error instanceof ToruaRequestError) || error.code !== 'reset_not_allowed') throw error;
    });
    return client;
  }
}
