/** Commands about the cluster as a whole: who leads, settings, recovery, reset. */
import { ToruaError } from '../kernel/errors.ts';
import type { ClusterConfig, ClusterState } from '../protocol/cluster-state.ts';
import type {
  CommandContext,
  LeaderStarted,
  RecoverAcceptMissing,
  Reduction,
  SetConfig,
} from './commands.ts';
import type { ClusterEvent } from './events.ts';
import { unassignedShard } from './initial-state.ts';
import { nextStatus } from './node-lifecycle.ts';
import { assignAll } from './shard-commands.ts';
import { findNode, isFormed, mapShards, shardsOf, withNode } from './state-access.ts';

/**
 * The next leader epoch. After a recovery from the nodes every term grows too, because the lost state may have been
 * a little newer than the newest one found.
 */
export function leaderStarted(state: ClusterState, command: LeaderStarted): Reduction {
  const { coordinatorId, recovered } = command;
  const led = { ...state, leaderEpoch: state.leaderEpoch + 1 };
  const events: ClusterEvent[] = [{ type: 'leader_changed', coordinatorId }];
  if (recovered) events.push({ type: 'cluster_recovered', coordinatorId });
  const next = recovered
    ? mapShards(led, (shard) => (shard.term === 0 ? shard : { ...shard, term: shard.term + 1 }))
    : led;
  return { state: next, effects: [], events };
}

/**
 * Takes over the given settings. Errors: `not_implemented` for a replication factor above 1; `invalid_request` for
 * settings that contradict each other.
 */
export function setConfig(state: ClusterState, command: SetConfig): Reduction {
  const config = mergedConfig(state.config, command.config);
  checkConfig(config);
  const names = Object.keys(config) as (keyof ClusterConfig)[];
  if (names.every((name) => config[name] === state.config[name])) {
    return { state, effects: [], events: [] };
  }
  const configVersion = state.configVersion + 1;
  return {
    state: { ...state, config, configVersion },
    effects: [],
    events: [{ type: 'config_changed', version: configVersion }],
  };
}

function mergedConfig(config: ClusterConfig, part: SetConfig['config']): ClusterConfig {
  const given = Object.entries(part).filter(([, value]) => value !== undefined);
  return { ...config, ...Object.fromEntries(given) };
}

/** Refuses settings that contradict each other or are not built yet; also for the environment's at the first start. */
export function checkConfig(config: ClusterConfig): void {
  if (config.replicationFactor > 1) {
    throw new ToruaError(
      'not_implemented',
      `replication_factor ${config.replicationFactor} is not built yet; a shard has one copy for now.`,
    );
  }
  if (config.minInSync > config.replicationFactor) {
    throw new ToruaError(
      'invalid_request',
      `min_in_sync ${config.minInSync} is above replication_factor ${config.replicationFactor}: no write could succeed.`,
    );
  }
  if (config.deadAfterMs < config.healthCheckIntervalMs) {
    throw new ToruaError(
      'invalid_request',
      `dead_after ${config.deadAfterMs} ms is below health_check_interval ${config.healthCheckIntervalMs} ms.`,
    );
  }
}

/** Goes on without the missing nodes: they are dead until they come back. Errors: none; unknown ids are ignored. */
export function recoverAcceptMissing(
  state: ClusterState,
  command: RecoverAcceptMissing,
): Reduction {
  const nodes = command.missing.flatMap((nodeId) => findNode(state, nodeId) ?? []);
  if (nodes.length === 0) return { state, effects: [], events: [] };
  const events: ClusterEvent[] = [
    { type: 'missing_nodes_accepted', nodeIds: nodes.map(({ id }) => id) },
  ];
  const next = nodes.reduce((current, node) => {
    const status = nextStatus(node.status, 'silent');
    if (status === node.status) return current;
    events.push({ type: 'node_dead', nodeId: node.id });
    return withNode(current, { ...node, status });
  }, state);
  return { state: next, effects: [], events };
}

/**
 * Deletes all data: every shard is replaced by a new one with an identity of its own, assigned afresh. Holders drop
 * the old copies because no state names them, and so does a node that was away when it happened.
 */
export function reset(state: ClusterState, context: CommandContext): Reduction {
  const shards = shardsOf(state).length;
  const emptied: ClusterState = {
    ...mapShards(state, () => unassignedShard(context.newId())),
    schema: { version: state.schema.version + 1, statements: [] },
  };
  const cleared: ClusterEvent = { type: 'cluster_reset', shards };
  if (!isFormed(state)) return { state: emptied, effects: [], events: [cleared] };
  const filled = assignAll(emptied, { wanted: () => true, context });
  return { state: filled.state, effects: [], events: [cleared, ...filled.events] };
}
