/** A node as it ships on a simulated clock and disk, with stores in memory, and a coordinator that a test scripts. */

import { deadlineIn } from '../../src/kernel/deadline.ts';
import { asToruaError } from '../../src/kernel/errors.ts';
import { copyId, shardUid, term } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { createMetrics } from '../../src/kernel/metrics.ts';
import { nodeInternalRoutes } from '../../src/node/internal-routes.ts';
import { NodeRuntime } from '../../src/node/node-runtime.ts';
import type { ClusterState } from '../../src/protocol/cluster-state.ts';
import type { KeyAnswer, KeyOperation } from '../../src/protocol/key-operation.ts';
import { createMemoryStoreFactory } from '../../src/shard/memory-store.ts';
import { TestLeader } from '../contract/cluster-fixture.ts';
import { SimClock } from '../simulation/sim-clock.ts';
import { SimDisk } from '../simulation/sim-disk.ts';
import { simRandom } from '../simulation/sim-random.ts';
import { ScriptedWire } from './scripted-wire.ts';

/** Address of the coordinator in this world. */
export const COORDINATOR = 'http://coordinator:1';

/** The world of one node `n1`; its disk outlives it. */
export class NodeWorld {
  readonly clock = new SimClock();
  readonly random = simRandom(11);
  readonly disk = new SimDisk({ random: this.random });
  readonly wire = new ScriptedWire();
  /** Makes states in which `n1` has its shards. */
  readonly leader = new TestLeader(2);
  fatal: unknown;

  /** Opens the node on what the disk holds. */
  open(): Promise<NodeRuntime> {
    const disk = this.disk.boot();
    return NodeRuntime.open(
      {
        nodeId: 'n1',
        directory: '/n1',
        coordinators: [COORDINATOR],
        healthIntervalMs: 1_000,
        maxShards: undefined,
        zone: undefined,
        version: '1.2.3',
        valueCacheBytes: 2 ** 20,
        memtableBytes: 2 ** 20,
        drainTimeoutMs: 2_000,
      },
      {
        clock: this.clock,
        random: this.random,
        disk,
        wire: this.wire,
        stores: createMemoryStoreFactory({ disk, clock: this.clock }),
        logger: silentLogger,
        metrics: createMetrics({ processMetrics: false }),
        onFatal: (reason) => {
          this.fatal = reason;
        },
      },
    );
  }

  /** A node that has its shards and a lease. */
  async serving(): Promise<NodeRuntime> {
    const node = await this.open();
    this.leader.join('n1');
    this.leader.do({ kind: 'form' });
    await this.push(node, this.leader.state);
    this.leader.confirmAll();
    await this.push(node, this.leader.state);
    node.lease.grant(this.clock.monotonicMs(), 60_000);
    return node;
  }

  /** Pushes a state as the coordinator does. */
  push(node: NodeRuntime, state: ClusterState): Promise<void> {
    return this.clock.settle(node.acceptState(state));
  }

  /** One key operation on the shard with this number; refusals are answers. */
  async execute(
    node: NodeRuntime,
    operation: Partial<KeyOperation> & Pick<KeyOperation, 'verb' | 'key'>,
    shardId = 0,
  ): Promise<KeyAnswer> {
    const shard = this.leader.state.databases[0]?.shards[shardId];
    const full: KeyOperation = {
      shardUid: shardUid(shard?.shardUid ?? ''),
      copyId: copyId(shard?.primary ?? ''),
      term: term(shard?.term ?? 0),
      opId: operation.verb === 'get' ? '' : this.random.hex(8),
      callerOpId: false,
      deadlineMs: 1_000,
      requestId: 'r',
      ...operation,
    };
    try {
      return await this.clock.settle(
        Promise.resolve(node.keys.execute(full, deadlineIn(this.clock, 1_000))),
      );
    } catch (reason) {
      const { code, detail, definition } = asToruaError(reason);
      return { status: definition.status, code, detail };
    }
  }

  /** Sends a message to one of the node's internal routes. */
  async call(node: NodeRuntime, path: string, body: object): Promise<Record<string, unknown>> {
    const route = nodeInternalRoutes(node).find(
      (one) => one.path === path && one.method === 'POST',
    );
    const context = {
      deadline: deadlineIn(this.clock, 1_000),
      requestId: 'r',
      traceparent: undefined,
    };
    const bytes = Buffer.from(JSON.stringify(body));
    const answer = await this.clock.settle(
      route?.handle(bytes, context) ?? Promise.reject(new Error(path)),
    );
    return JSON.parse(answer.body.toString());
  }
}
