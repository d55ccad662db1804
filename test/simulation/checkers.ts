/**
 * What must hold at every moment of a run, checked from outside: one server per term, terms that never fall, leases
 * counted independently, no shard forgotten. Each breach throws, and the throw fails the run.
 */
import { strict as assert } from 'node:assert';
import { planEvenMoves } from '../../src/cluster/placement.ts';
import { shardsOf } from '../../src/cluster/state-access.ts';
import { summarize } from '../../src/cluster/summary.ts';
import type { StateKeeper } from '../../src/coordinator/state-keeper.ts';
import type { NodeRuntime } from '../../src/node/node-runtime.ts';
import type { ClusterState } from '../../src/protocol/cluster-state.ts';
import type { KeyOperation } from '../../src/protocol/key-operation.ts';
import { INTERNAL_PATHS } from '../../src/protocol/messages.ts';
import type { WireAnswer } from '../../src/transport/wire.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { Exchange } from './sim-wire.ts';

/** What is watched of a leader. */
interface LeaderView {
  readonly keeper: Pick<StateKeeper, 'onCommit' | 'founded'>;
}

/** See the module. */
export class Watcher {
  /** Who served a term of a shard first. */
  readonly #servers = new Map<string, string>();
  /** The newest term in which a shard was served. */
  readonly #terms = new Map<string, number>();
  /** End of each process's lease on its own clock, by incarnation. */
  readonly #leases = new Map<string, number>();
  /** Identities of all shards, once the cluster was founded. */
  #shards: readonly string[] | undefined;
  /** Shards that were ever confirmed: from then on one must always have a copy. */
  readonly #confirmed = new Set<string>();

  /** A node answered an operation at this moment. */
  served(node: NodeRuntime, operation: KeyOperation, status: number): void {
    const isRefusal = status >= 400 && status !== 404 && status !== 412;
    if (isRefusal || operation.anyCopy) return;
    const { shardUid, term } = operation;
    const server = `${node.settings.nodeId}/${operation.copyId}`;
    const place = `${shardUid}/${term}`;
    const first = this.#servers.get(place) ?? server;
    this.#servers.set(place, first);
    assert.equal(server, first, `term ${term} of shard ${shardUid} has one primary`);
    const newest = this.#terms.get(shardUid) ?? 0;
    assert.ok(term >= newest, `shard ${shardUid} is served in term ${term} after ${newest}`);
    this.#terms.set(shardUid, term);
    const leaseEndsMs = this.#leases.get(node.incarnation) ?? 0;
    const nowMs = node.world.clock.monotonicMs();
    assert.ok(nowMs < leaseEndsMs, `${server} answers ${nowMs - leaseEndsMs} ms after its lease`);
  }

  /** An answer reached a process: leases are counted from when the request was sent. */
  answered(exchange: Exchange, answer: WireAnswer): void {
    const { path, body } = exchange.request;
    const isGrant = path === INTERNAL_PATHS.register || path === INTERNAL_PATHS.heartbeat;
    if (!isGrant || answer.status !== 200 || body === undefined) return;
    const request = JSON.parse(body.toString()) as {
      incarnation?: string;
      node?: { incarnation: string };
    };
    const incarnation = request.incarnation ?? request.node?.incarnation ?? '';
    const { lease_ms: leaseMs } = JSON.parse(answer.body.toString()) as { lease_ms: number };
    const before = this.#leases.get(incarnation) ?? 0;
    if (leaseMs > 0) this.#leases.set(incarnation, Math.max(before, exchange.sentAtMs + leaseMs));
  }

  /** A coordinator leads from now on. */
  follow(cluster: SimCluster, { keeper }: LeaderView): void {
    keeper.onCommit(({ state }) => {
      if (!keeper.founded) return;
      assert.ok(state.version > cluster.mustKnowVersion, 'a state that all nodes stored is known');
      this.#committed(state);
    });
  }

  #committed(state: ClusterState): void {
    const uids = shardsOf(state).map(({ shardUid }) => shardUid);
    this.#shards ??= uids;
    assert.deepEqual(uids, this.#shards, 'no shard is forgotten or invented');
    for (const shard of shardsOf(state)) {
      if (shard.copies.some((copy) => copy.state === 'active')) this.#confirmed.add(shard.shardUid);
      if (!this.#confirmed.has(shard.shardUid)) continue;
      assert.ok(shard.copies.length > 0, `shard ${shard.shardUid} has a copy`);
    }
  }
}

/** Why the cluster is not whole yet; undefined when it is. */
export function whatIsMissing(cluster: SimCluster): string | undefined {
  const { runtime } = cluster.coordinator;
  const stopping = cluster.machines.find((machine) => machine.isStopping);
  if (stopping) return `${stopping.name} is stopping`;
  if (runtime === undefined) return 'the coordinator is down';
  if (!runtime.keeper.founded) return 'the cluster is not founded';
  const { state } = runtime.keeper;
  const facts = runtime.book.facts(state);
  const { colour, unavailableShards } = summarize(state, facts);
  if (colour !== 'green') return `${colour}: ${unavailableShards.join(', ')}`;
  for (const machine of cluster.nodes) {
    if (!machine.isWanted) continue;
    const node = machine.runtime;
    if (node === undefined) return `${machine.name} is down`;
    const entry = state.nodes.find(({ id }) => id === machine.name);
    if (entry?.status !== 'healthy') return `${machine.name} is ${entry?.status}`;
    if (entry.incarnation !== node.incarnation) return `${machine.name} has to register again`;
    if (!node.lease.held) return `${machine.name} has no lease`;
    if (!node.copies.ready) return `${machine.name} has a copy that does not serve`;
    if (!runtime.pusher.hasStored(machine.name, state.version)) return `${machine.name} is behind`;
  }
  if (facts.releasing.size > 0) return 'a shard is being released';
  const empty = new Set(
    cluster.nodes.flatMap(({ runtime: node }) =>
      (node?.copies.open ?? []).filter((copy) => copy.empty).map((copy) => copy.shardUid as string),
    ),
  );
  const moves = planEvenMoves(state, empty);
  if (moves.length > 0) return `uneven: shard ${moves[0]?.shardUid} belongs on ${moves[0]?.to}`;
  return undefined;
}
