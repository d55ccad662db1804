/** Nodes: list, info, capacity, forgetting, broadcast. Source: REST contract, section 3. */
import { z } from 'zod';
import { nodesById, requireNode } from '../../cluster/state-access.ts';
import { shardsOfNode } from '../../cluster/summary.ts';
import { userRoute } from '../../http/user-route.ts';
import { isoTime } from '../../kernel/clock.ts';
import type { Deadline } from '../../kernel/deadline.ts';
import { asToruaError } from '../../kernel/errors.ts';
import type { NodeEntry } from '../../protocol/cluster-state.ts';
import {
  broadcastAnswerSchema,
  broadcastRequestSchema,
  forgetNodeQuerySchema,
  nodeInfoSchema,
  nodePatchSchema,
  nodesAnswerSchema,
} from '../../protocol/rest-nodes.ts';
import { problemFromAnswer } from '../../transport/problem-answer.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { CoordinatorRuntime } from '../coordinator-runtime.ts';

const TAG = 'nodes';
const idParams = z.strictObject({ id: z.string().min(1).max(255) });

/** Declares the routes. */
export function nodeRoutes(context: CoordinatorApp): void {
  listRoute(context);
  detailsRoute(context);
  capacityRoute(context);
  forgetRoute(context);
  broadcastRoute(context);
}

function listRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    method: 'GET',
    url: '/nodes',
    access: 'read',
    tag: TAG,
    operation: 'nodes',
    summary: 'Every node known, also those that failed.',
    answers: { 200: nodesAnswerSchema },
  } as const;
  userRoute(app, route, () => ({
    nodes: nodesById(runtime.keeper.state).map((node) => nodeView(runtime, node)),
  }));
}

function detailsRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    method: 'GET',
    url: '/nodes/:id/info',
    access: 'read',
    tag: TAG,
    operation: 'node_details',
    summary: 'One node.',
    params: idParams,
    answers: { 200: nodeInfoSchema },
  } as const;
  userRoute(app, route, (request) => nodeInfo(runtime, request.params.id));
}

function capacityRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    method: 'PATCH',
    url: '/nodes/:id',
    access: 'admin',
    tag: TAG,
    operation: 'patch_node',
    summary: 'Changes how many shard copies a node takes.',
    params: idParams,
    body: nodePatchSchema,
    answers: { 200: nodeInfoSchema },
  } as const;
  userRoute(app, route, async (request) => {
    const nodeId = request.params.id;
    const maxShards = request.body.max_shards;
    await runtime.keeper.change({ kind: 'patch_node', nodeId, maxShards });
    return nodeInfo(runtime, nodeId);
  });
}

function forgetRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    method: 'DELETE',
    url: '/nodes/:id',
    access: 'admin',
    tag: TAG,
    operation: 'forget_node',
    summary: 'Forgets a node that is dead or drained.',
    params: idParams,
    query: forgetNodeQuerySchema,
    answers: { 204: 'Forgotten.' },
  } as const;
  userRoute(app, route, async (request, reply) => {
    const { keeper, book } = runtime;
    const nodeId = request.params.id;
    const acceptDataLoss = request.query.accept_data_loss ?? false;
    const leaseRunning = book.leaseRunning(nodeId);
    await keeper.change({ kind: 'forget_node', nodeId, acceptDataLoss, leaseRunning });
    book.forget(nodeId);
    return reply.code(204).send();
  });
}

function broadcastRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    method: 'POST',
    url: '/broadcast',
    access: 'admin',
    tag: TAG,
    operation: 'broadcast',
    summary: 'Sends a payload to /control of every live node.',
    body: broadcastRequestSchema,
    answers: { 200: broadcastAnswerSchema },
  } as const;
  userRoute(app, route, async (request) => {
    const { id: requestId, deadline } = request;
    const payload = Buffer.from(JSON.stringify(request.body.payload));
    const nodes = nodesById(runtime.keeper.state).filter(
      (node) => node.status !== 'unhealthy' && node.status !== 'dead',
    );
    const message = { payload, requestId, deadline };
    const results = await Promise.all(nodes.map((node) => tell(runtime, node, message)));
    return { sent_to: results.length, results };
  });
}

async function tell(
  runtime: CoordinatorRuntime,
  node: NodeEntry,
  message: { payload: Buffer; requestId: string; deadline: Deadline },
): Promise<{ node_id: string; err?: string }> {
  const { payload: body, requestId, deadline } = message;
  try {
    const answer = await runtime.world.wire.send(
      { address: node.addr, method: 'POST', path: '/control', body, requestId },
      deadline,
    );
    if (answer.status >= 300) throw problemFromAnswer(answer, node.addr);
    return { node_id: node.id };
  } catch (reason) {
    return { node_id: node.id, err: asToruaError(reason).detail };
  }
}

function nodeView(
  runtime: CoordinatorRuntime,
  node: NodeEntry,
): z.output<typeof nodesAnswerSchema>['nodes'][number] {
  const seen = runtime.book.view(node.id);
  return {
    id: node.id,
    addr: node.addr,
    status: node.status,
    last_health_check: seen.lastCheckWallMs === undefined ? null : isoTime(seen.lastCheckWallMs),
    reachable: seen.reachable,
    registered_at: isoTime(node.registeredAt),
    version: node.version,
  };
}

function nodeInfo(runtime: CoordinatorRuntime, nodeId: string): z.output<typeof nodeInfoSchema> {
  const { state } = runtime.keeper;
  const node = requireNode(state, nodeId);
  const seen = runtime.book.view(nodeId);
  const held = shardsOfNode(state, nodeId).length;
  const max = Math.min(node.maxShards ?? Number.POSITIVE_INFINITY, state.config.maxShardsPerNode);
  return {
    node_id: node.id,
    address: node.addr,
    status: node.status,
    shard_count: held,
    last_heartbeat:
      seen.lastHeartbeatWallMs === undefined ? null : isoTime(seen.lastHeartbeatWallMs),
    uptime: Math.floor(seen.uptimeMs / 1_000),
    available_capacity: Math.max(0, max - held),
    max_shards: max,
    version: node.version,
  };
}
