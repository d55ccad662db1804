/** A coordinator as it ships on a simulated clock and disk, and nodes that answer it as real ones would. */
import { CoordinatorRuntime } from '../../src/coordinator/coordinator-runtime.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { createMetrics } from '../../src/kernel/metrics.ts';
import type { ClusterConfig, ClusterState } from '../../src/protocol/cluster-state.ts';
import {
  type HeldCopy,
  INTERNAL_PATHS,
  pushStateAnswerSchema,
  pushStateSchema,
  type RegisterAnswer,
  type RegisterRequest,
  releaseAnswerSchema,
  releaseRequestSchema,
  storedStateSchema,
} from '../../src/protocol/messages.ts';
import type { WireAnswer, WireRequest } from '../../src/transport/wire.ts';
import { TEST_CONFIG } from '../contract/cluster-fixture.ts';
import { SimClock } from '../simulation/sim-clock.ts';
import { SimDisk } from '../simulation/sim-disk.ts';
import { simRandom } from '../simulation/sim-random.ts';
import { bodyOf, json, message, ScriptedWire } from './scripted-wire.ts';

/** The world of one coordinator; its disk outlives it. */
export class CoordinatorWorld {
  readonly clock = new SimClock();
  readonly random = simRandom(7);
  readonly disk = new SimDisk({ random: this.random });
  readonly wire = new ScriptedWire();
  readonly nodes = new Map<string, NodeDouble>();
  fatal: unknown;

  /** Starts a coordinator on what the disk holds. */
  async open(
    config: Partial<ClusterConfig> = {},
    directory = '/coordinator',
  ): Promise<CoordinatorRuntime> {
    const runtime = await CoordinatorRuntime.open(
      {
        coordinatorId: 'c1',
        directory,
        version: '1.2.3',
        founding: { numShards: 4, config: { ...TEST_CONFIG, ...config } },
      },
      {
        clock: this.clock,
        random: this.random,
        disk: this.disk.boot(),
        wire: this.wire,
        logger: silentLogger,
        metrics: createMetrics({ processMetrics: false }),
        onFatal: (reason) => {
          this.fatal = reason;
        },
      },
    );
    return runtime;
  }

  /** A node that listens, with a directory of its own. */
  node(id: string): NodeDouble {
    const node = new NodeDouble(id);
    this.nodes.set(id, node);
    this.wire.peers.set(node.address, (request) => node.answer(request));
    return node;
  }

  /** Registers the node and lets everything that follows from it happen. */
  async join(runtime: CoordinatorRuntime, node: NodeDouble): Promise<RegisterAnswer> {
    const answer = await this.clock.settle(runtime.registry.register({ node: node.self() }));
    node.learn(answer);
    await this.clock.run({ forMs: 10 });
    return answer;
  }
}

/** What a node says and answers, without shards behind it. */
export class NodeDouble {
  readonly id: string;
  readonly address: string;
  directoryId: string;
  incarnation = 'first';
  state: ClusterState | undefined;
  copies: HeldCopy[] = [];
  alive = true;
  /** Whether it gives empty shards back when asked. */
  releases = true;

  constructor(id: string) {
    this.id = id;
    this.address = `http://${id}:1`;
    this.directoryId = `directory-${id}`;
  }

  /** Everything a registration says. */
  self(): RegisterRequest['node'] {
    return {
      id: this.id,
      addr: this.address,
      version: '1.2.3',
      directoryId: this.directoryId,
      incarnation: this.incarnation,
      protocolVersion: 1,
      copies: this.copies,
      clusterId: this.state?.clusterId,
      stateVersion: this.state?.version,
      leaderEpoch: this.state?.leaderEpoch,
    };
  }

  learn({ state }: { state?: ClusterState | undefined }): void {
    if (state) this.#take(state);
  }

  answer(request: WireRequest): WireAnswer {
    if (!this.alive) throw new Error('connection reset');
    switch (`${request.method} ${request.path}`) {
      case 'GET /livez':
        return json({ status: 'alive' });
      case `GET ${INTERNAL_PATHS.state}`:
        return message(storedStateSchema, { state: this.state });
      case `POST ${INTERNAL_PATHS.state}`:
        this.#take(bodyOf(pushStateSchema, request).state);
        return message(pushStateAnswerSchema, {
          stateVersion: this.state?.version ?? 0,
          copies: this.copies,
        });
      case `POST ${INTERNAL_PATHS.release}`:
        return message(releaseAnswerSchema, { released: this.#release(request) });
      default:
        return { status: 500, body: Buffer.from('unexpected') };
    }
  }

  #release(request: WireRequest): boolean {
    const { copyId, term } = bodyOf(releaseRequestSchema, request);
    if (!this.releases) return false;
    this.copies = this.copies.map((copy) =>
      copy.copyId === copyId ? { ...copy, fence: Math.max(copy.fence ?? 0, term) } : copy,
    );
    return true;
  }

  #take(state: ClusterState): void {
    this.state = state;
    const shards = state.databases.flatMap((database) => database.shards);
    const before = this.copies;
    this.copies = shards.flatMap((shard) =>
      shard.copies
        .filter(({ nodeId }) => nodeId === this.id)
        .flatMap(({ copyId, state: stage }) => {
          const known = before.find((copy) => copy.copyId === copyId);
          // As a real node: only a copy that was never confirmed is created.
          if (known === undefined && stage !== 'initializing') return [];
          const fresh = { lastSeq: 0, state: 'open' as const, empty: true };
          return [{ ...fresh, ...known, copyId, shardUid: shard.shardUid, term: shard.term }];
        }),
    );
  }
}
