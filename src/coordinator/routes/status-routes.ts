/** The cluster's condition: info, health, coordinators. Source: REST contract, section 4. */
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { ClusterSummary } from '../../cluster/summary.ts';
import { userRoute } from '../../http/user-route.ts';
import { pause } from '../../kernel/clock.ts';
import { type Deadline, deadlineIn } from '../../kernel/deadline.ts';
import { problemOf, ToruaError } from '../../kernel/errors.ts';
import {
  clusterHealthSchema,
  clusterInfoSchema,
  coordinatorsAnswerSchema,
  healthQuerySchema,
} from '../../protocol/rest-cluster.ts';
import { LOOK_AGAIN_MS, summaryOf } from '../cluster-view.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { CoordinatorRuntime } from '../coordinator-runtime.ts';

const base = { method: 'GET', access: 'read', tag: 'cluster' } as const;
/** Wait of `/cluster/health` when the caller does not say, milliseconds. */
const HEALTH_WAIT_MS = 30_000;
const COLOUR_RANK = { red: 0, yellow: 1, green: 2 } as const;

/** Declares the routes. */
export function statusRoutes(context: CoordinatorApp): void {
  infoRoute(context);
  healthRoute(context);
  coordinatorsRoute(context);
}

function infoRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    ...base,
    url: '/cluster/info',
    operation: 'cluster_info',
    summary: 'The cluster in numbers.',
    answers: { 200: clusterInfoSchema },
  } as const;
  userRoute(app, route, () => {
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
  });
}

function healthRoute({ app, runtime, warnings }: CoordinatorApp): void {
  const route = {
    ...base,
    url: '/cluster/health',
    aliases: ['/_cluster/health'],
    operation: 'cluster_health',
    summary: 'The colour, and waiting for one.',
    query: healthQuerySchema,
    timeoutMs: 600_000,
    answers: { 200: clusterHealthSchema, 408: 'The same, with the fields of a problem.' },
  } as const;
  userRoute(app, route, async (request, reply) => {
    const deadline = deadlineIn(runtime.world.clock, request.query.timeout ?? HEALTH_WAIT_MS);
    const isReached = wantedBy(request.query);
    const summary = await awaited(runtime, { isReached, deadline, reply });
    const view = healthView(runtime, summary, warnings());
    if (isReached(summary)) return { ...view, timed_out: false };
    const detail = `The cluster is ${view.status} with ${view.healthy_nodes} healthy nodes.`;
    const problem = problemOf(new ToruaError('wait_timed_out', detail), {
      instance: '/cluster/health',
      requestId: request.id,
    });
    // `status` is the colour, as in every other answer of this route.
    return reply.code(408).send({ ...problem, ...view, timed_out: true });
  });
}

function wantedBy(query: z.output<typeof healthQuerySchema>): (summary: ClusterSummary) => boolean {
  const { wait_for_status: colour, wait_for_nodes: nodes } = query;
  return (summary) =>
    (colour === undefined || COLOUR_RANK[summary.colour] >= COLOUR_RANK[colour]) &&
    (nodes === undefined || summary.healthyNodes >= nodes);
}

/** The summary as soon as it is what was waited for, or at the deadline, or when nobody waits any more. */
async function awaited(
  runtime: CoordinatorRuntime,
  wait: {
    readonly isReached: (summary: ClusterSummary) => boolean;
    readonly deadline: Deadline;
    readonly reply: FastifyReply;
  },
): Promise<ClusterSummary> {
  const { isReached, deadline, reply } = wait;
  for (;;) {
    const summary = summaryOf(runtime);
    const isOver = deadline.expired() || reply.raw.destroyed || runtime.stopping;
    if (isOver || isReached(summary)) return summary;
    await pause(runtime.world.clock, LOOK_AGAIN_MS);
  }
}

function healthView(
  runtime: CoordinatorRuntime,
  summary: ClusterSummary,
  warnings: readonly string[],
) {
  return {
    cluster_id: runtime.keeper.state.clusterId,
    status: summary.colour,
    number_of_nodes: summary.totalNodes,
    healthy_nodes: summary.healthyNodes,
    active_primaries: summary.activePrimaries,
    active_replicas: summary.activeReplicas,
    unassigned_shards: summary.unassignedCopies,
    warnings: [...warnings],
  };
}

function coordinatorsRoute({ app, runtime, url }: CoordinatorApp): void {
  const route = {
    ...base,
    url: '/cluster/coordinators',
    operation: 'coordinators',
    summary: 'The coordinators and who leads.',
    answers: { 200: coordinatorsAnswerSchema },
  } as const;
  userRoute(app, route, () => {
    const self = { id: runtime.settings.coordinatorId, url: url() };
    return { leader: self, members: [{ ...self, role: 'leader' as const }] };
  });
}
