/** A leader for tests: holds a state, counts ids, keeps events, and plays commands one after another. */
import type { ClusterCommand, Reduction, RegisterNode } from '../../src/cluster/commands.ts';
import type { ReleaseEffect } from '../../src/cluster/effects.ts';
import type { ClusterEvent } from '../../src/cluster/events.ts';
import type { VolatileFacts } from '../../src/cluster/facts.ts';
import { initialState } from '../../src/cluster/initial-state.ts';
import { reduce } from '../../src/cluster/reduce.ts';
import { copiesOn, shardsOf } from '../../src/cluster/state-access.ts';
import { ToruaError } from '../../src/kernel/errors.ts';
import type { ClusterConfig, ClusterState } from '../../src/protocol/cluster-state.ts';
import type { HeldCopy } from '../../src/protocol/messages.ts';

/** Settings as the environment's defaults make them, without a delay. */
export const TEST_CONFIG: ClusterConfig = {
  healthCheckIntervalMs: 1_000,
  deadAfterMs: 10_000,
  replicationFactor: 1,
  autoRebalance: true,
  readOnly: false,
  maxShardsPerNode: 1_000,
  minInSync: 1,
  minNodes: 1,
  assignmentDelayMs: 0,
};

/** Ids that count up: 16 hex digits, never twice from one counter. */
export function countingIds(): () => string {
  let last = 0;
  return () => {
    last += 1;
    return last.toString(16).padStart(16, '0');
  };
}

/** A state nobody has joined. */
export const emptyState = (
  numShards = 4,
  config: Partial<ClusterConfig> = {},
  newId = countingIds(),
): ClusterState =>
  initialState({ clusterId: 'cluster-1', numShards, config: { ...TEST_CONFIG, ...config }, newId });

/** What a copy looks like in its holder's report. */
export const heldCopy = (
  copy: Pick<HeldCopy, 'copyId' | 'shardUid'> & Partial<HeldCopy>,
): HeldCopy => ({ term: 1, lastSeq: 0, state: 'open', empty: true, ...copy });

/** Plays commands and remembers what came of them. */
export class TestLeader {
  state: ClusterState;
  now = 1_000;
  readonly newId = countingIds();
  readonly events: ClusterEvent[] = [];

  constructor(numShards = 4, config: Partial<ClusterConfig> = {}) {
    this.state = emptyState(numShards, config, this.newId);
  }

  /** Applies one command. */
  do(command: ClusterCommand): Reduction {
    const reduction = reduce(this.state, command, { now: this.now, newId: this.newId });
    this.state = reduction.state;
    this.events.push(...reduction.events);
    return reduction;
  }

  /** Registers a process with a directory of its own; more fields may be given. */
  register(id: string, more: Partial<RegisterNode['node']> = {}, leaseRunning = false): Reduction {
    const directory = { directoryId: `dir-${id}`, incarnation: `${id}-1` };
    return this.do({
      kind: 'register_node',
      node: { id, addr: `http://${id}:1`, copies: this.held(id), ...directory, ...more },
      leaseRunning,
    });
  }

  /** Registers the node, lets it answer a health check, and evens the cluster out. */
  join(id: string, more: Partial<RegisterNode['node']> = {}): void {
    this.register(id, more);
    this.do({ kind: 'node_verdict', nodeId: id, verdict: 'healthy' });
    this.even(id);
  }

  /** Forms the cluster of these nodes and confirms every copy. */
  formOf(...ids: string[]): void {
    for (const id of ids) this.join(id);
    this.do({ kind: 'form' });
    this.confirmAll();
  }

  /** Every holder reports its copies. */
  confirmAll(): void {
    for (const { id } of this.state.nodes) {
      const copyIds = copiesOn(this.state, id).map(({ copy }) => copy.copyId);
      this.do({ kind: 'copy_confirmed', nodeId: id, copyIds });
    }
  }

  /** Evens out with every shard empty; each release is confirmed and each new copy created. */
  even(nodeId?: string): void {
    const emptyShards = shardsOf(this.state).map(({ shardUid }) => shardUid);
    const { effects } = this.do({ kind: 'even_empty', reason: 'node_joined', nodeId, emptyShards });
    for (const effect of effects) if (effect.kind === 'release') this.confirmRelease(effect);
    this.confirmAll();
  }

  /** The holder gives the copy back. */
  confirmRelease({ shardUid, copyId, term, targetNodeId, reason }: ReleaseEffect): Reduction {
    return this.do({
      kind: 'release_confirmed',
      shardUid,
      copyId,
      term,
      targetNodeId,
      reason,
    });
  }

  /** What the node's disk would hold if it did as it was told. */
  held(id: string): readonly HeldCopy[] {
    return copiesOn(this.state, id).map(({ shard, copy }) =>
      heldCopy({ copyId: copy.copyId, shardUid: shard.shardUid, term: shard.term }),
    );
  }

  /** Copies per node, in the order of the nodes. */
  counts(): readonly number[] {
    return this.state.nodes.map(({ id }) => copiesOn(this.state, id).length);
  }

  /** Types of the events so far that are among these. */
  eventTypes(...types: ClusterEvent['type'][]): readonly string[] {
    return this.events
      .map(({ type }) => type)
      .filter((type) => types.length === 0 || types.includes(type));
  }

  /** Facts in which every node answers and reports what it should hold. */
  facts(more: Partial<VolatileFacts> = {}): VolatileFacts {
    return {
      liveNodes: new Set(this.state.nodes.map(({ id }) => id)),
      reports: new Map(this.state.nodes.map(({ id }) => [id, this.held(id)])),
      releasing: new Set(),
      ...more,
    };
  }
}

/** The code of the ToruaError that `act` throws, or undefined when it throws none. */
export function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof ToruaError) return thrown.code;
    throw thrown;
  }
  return undefined;
}
