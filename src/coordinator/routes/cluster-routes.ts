/** The cluster as a whole: info, health, config, recovery, reset, coordinators. Source: REST contract, section 4. */
import type { z } from 'zod';
import { type ClusterSummary, summarize } from '../../cluster/summary.ts';
import { userRoute } from '../../http/user-route.ts';
import { pause } from '../../kernel/clock.ts';
import { formatDuration } from '../../kernel/config.ts';
import { type Deadline, deadlineIn } from '../../kernel/deadline.ts';
import { ToruaError } from '../../kernel/errors.ts';
import type { ClusterConfig } from '../../protocol/cluster-state.ts';
import {
  clusterHealthSchema,
  clusterInfoSchema,
  configAnswerSchema,
  configChangedSchema,
  configPatchSchema,
  type configViewSchema,
  coordinatorsAnswerSchema,
  healthQuerySchema,
  recoverAnswerSchema,
  recoverRequestSchema,
  resetRequestSchema,
} from '../../protocol/rest-cluster.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { CoordinatorRuntime } from '../coordinator-runtime.ts';

const TAG = 'cluster';
/** Wait of `/cluster/health` when the caller does not say, milliseconds. */
const HEALTH_WAIT_MS = 30_000;
/** Pause between two looks while a request waits for the cluster, milliseconds. */
const LOOK_AGAIN_MS = 25;
const COLOUR_RANK = { red: 0, yellow: 1, green: 2 } as const;

/** Declares the routes. */
export function clusterRoutes(context: CoordinatorApp): void {
  statusRoutes(context);
  configRoutes(context);
  operatorRoutes(context);
}

function statusRoutes({ app, runtime, url, warnings }: CoordinatorApp): void {
  const base = { method: 'GET', access: 'read', tag: TAG } as const;
  userRoute(
    app,
    {
      ...base,
      url: '/cluster/info',
      operation: 'cluster_info',
      summary: 'The cluster in numbers.',
      answers: { 200: clusterInfoSchema },
    },
    () => {
      const { state } = runtime.keeper;
      const summary = summaryOf(runtime);
      return {
        cluster_id: state.clusterId,
        coordinator_version: runtime.settings.version,
        total_nodes: summary.totalNodes,
        healthy_nodes: summary.healthyNodes,
        total_shards: summary.totalShards,
        assigned_shards: summary.assignedShards,
        cluster_state: summary.colour,
        uptime: Math.floor((runtime.world.clock.monotonicMs() - runtime.startedAtMs) / 1_000),
        state_version: state.version,
      };
    },
  );
  userRoute(
    app,
    {
      ...base,
      url: '/cluster/health',
      aliases: ['/_cluster/health'],
      operation: 'cluster_health',
      summary: 'The colour, and waiting for one.',
      query: healthQuerySchema,
      timeoutMs: 600_000,
      answers: { 200: clusterHealthSchema, 408: clusterHealthSchema },
    },
    async (request, reply) => {
      const { wait_for_status: colour, wait_for_nodes: nodes, timeout } = request.query;
      const deadline = deadlineIn(runtime.world.clock, timeout ?? HEALTH_WAIT_MS);
      const isReached = (summary: ClusterSummary): boolean =>
        (colour === undefined || COLOUR_RANK[summary.colour] >= COLOUR_RANK[colour]) &&
        (nodes === undefined || summary.healthyNodes >= nodes);
      let summary = summaryOf(runtime);
      while (!isReached(summary) && !deadline.expired() && !request.raw.destroyed) {
        await pause(runtime.world.clock, LOOK_AGAIN_MS);
        summary = summaryOf(runtime);
      }
      const timedOut = !isReached(summary);
      return reply
        .code(timedOut ? 408 : 200)
        .send(healthView(runtime, summary, { timedOut, warnings: warnings() }));
    },
  );
  userRoute(
    app,
    {
      ...base,
      url: '/cluster/coordinators',
      operation: 'coordinators',
      summary: 'The coordinators and who leads.',
      answers: { 200: coordinatorsAnswerSchema },
    },
    () => {
      const self = { id: runtime.settings.coordinatorId, url: url() };
      return { leader: self, members: [{ ...self, role: 'leader' as const }] };
    },
  );
}

/** The cluster in numbers, as seen now. While the state is being recovered everything is red. */
export function summaryOf(runtime: CoordinatorRuntime): ClusterSummary {
  const { state } = runtime.keeper;
  const summary = summarize(state, runtime.book.facts(state));
  return runtime.recovery.active ? { ...summary, colour: 'red' } : summary;
}

function healthView(
  runtime: CoordinatorRuntime,
  summary: ClusterSummary,
  more: { timedOut: boolean; warnings: readonly string[] },
) {
  return {
    cluster_id: runtime.keeper.state.clusterId,
    status: summary.colour,
    timed_out: more.timedOut,
    number_of_nodes: summary.totalNodes,
    healthy_nodes: summary.healthyNodes,
    active_primaries: summary.activePrimaries,
    active_replicas: summary.activeReplicas,
    unassigned_shards: summary.unassignedCopies,
    warnings: [...more.warnings],
  };
}

function configRoutes({ app, runtime }: CoordinatorApp): void {
  const base = { url: '/cluster/config', tag: TAG } as const;
  userRoute(
    app,
    {
      ...base,
      method: 'GET',
      access: 'read',
      operation: 'config',
      summary: 'The settings of the cluster.',
      answers: { 200: configAnswerSchema },
    },
    () => configView(runtime),
  );
  userRoute(
    app,
    {
      ...base,
      method: 'PUT',
      access: 'admin',
      operation: 'change_config',
      summary: 'Changes a part of the settings; answers when every live node has them.',
      body: configPatchSchema,
      answers: { 200: configChangedSchema },
    },
    async (request) => {
      runtime.recovery.check();
      const { keeper } = runtime;
      await keeper.change({ kind: 'set_config', config: patchOf(request.body) }, { found: true });
      const nodes = await acknowledged(runtime, request.deadline);
      return {
        acknowledged: nodes.every((node) => node.acknowledged),
        ...configView(runtime),
        nodes,
      };
    },
  );
}

function patchOf(body: z.output<typeof configPatchSchema>): {
  [Name in keyof ClusterConfig]?: ClusterConfig[Name] | undefined;
} {
  return {
    healthCheckIntervalMs: body.health_check_interval,
    deadAfterMs: body.dead_after,
    replicationFactor: body.replication_factor,
    autoRebalance: body.auto_rebalance,
    readOnly: body.read_only,
    maxShardsPerNode: body.max_shards_per_node,
    minInSync: body.min_in_sync,
    minNodes: body.min_nodes,
    assignmentDelayMs: body.assignment_delay,
  };
}

function configView(runtime: CoordinatorRuntime): {
  version: number;
  config: z.output<typeof configViewSchema>;
} {
  const { config, configVersion } = runtime.keeper.state;
  return {
    version: configVersion,
    config: {
      health_check_interval: formatDuration(config.healthCheckIntervalMs),
      dead_after: formatDuration(config.deadAfterMs),
      replication_factor: config.replicationFactor,
      auto_rebalance: config.autoRebalance,
      read_only: config.readOnly,
      max_shards_per_node: config.maxShardsPerNode,
      min_in_sync: config.minInSync,
      min_nodes: config.minNodes,
      assignment_delay: formatDuration(config.assignmentDelayMs),
    },
  };
}

/** Waits until every live node has stored the present state; who has not by the deadline is reported so. */
async function acknowledged(
  runtime: CoordinatorRuntime,
  deadline: Deadline,
): Promise<{ node_id: string; acknowledged: boolean }[]> {
  const { keeper, pusher, book } = runtime;
  const { version } = keeper.state;
  // A little is left for the answer itself.
  const spareMs = 100;
  for (;;) {
    const { liveNodes } = book.facts(keeper.state);
    const live = keeper.state.nodes.filter(
      (node) => node.directoryId !== undefined && liveNodes.has(node.id),
    );
    const nodes = live.map((node) => ({
      node_id: node.id,
      acknowledged: pusher.hasStored(node.id, version),
    }));
    if (nodes.every((node) => node.acknowledged) || deadline.remainingMs() <= spareMs) return nodes;
    await pause(runtime.world.clock, LOOK_AGAIN_MS);
  }
}

function operatorRoutes({ app, runtime, allowReset }: CoordinatorApp): void {
  const base = { method: 'POST', access: 'admin', tag: TAG } as const;
  userRoute(
    app,
    {
      ...base,
      url: '/cluster/recover',
      operation: 'recover',
      summary: 'Goes on without the nodes that a rebuilt coordinator waits for.',
      body: recoverRequestSchema,
      answers: { 202: recoverAnswerSchema },
    },
    async (_request, reply) => {
      const missing = [...runtime.recovery.missing];
      await runtime.recovery.acceptMissing();
      return reply.code(202).send({ accepted: true, missing_nodes: missing });
    },
  );
  userRoute(
    app,
    {
      ...base,
      url: '/cluster/reset',
      operation: 'reset',
      summary: 'Deletes all data, keeps nodes and config.',
      body: resetRequestSchema,
      answers: { 204: 'All data is gone.' },
    },
    async (request, reply) => {
      if (!allowReset)
        throw new ToruaError('reset_not_allowed', 'ALLOW_RESET is not true on this coordinator.');
      const { clusterId } = runtime.keeper.state;
      if (request.body.confirm !== clusterId) {
        throw new ToruaError(
          'reset_not_confirmed',
          `confirm must be the cluster's id, ${clusterId}.`,
        );
      }
      await runtime.keeper.change({ kind: 'reset' });
      while (runtime.keeper.routing.places.some((place) => place.target === undefined)) {
        request.deadline.check('the shards were created anew');
        await pause(runtime.world.clock, LOOK_AGAIN_MS);
      }
      await acknowledged(runtime, request.deadline);
      return reply.code(204).send();
    },
  );
}
