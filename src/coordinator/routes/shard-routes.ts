/** Shards: where they are, why, and how to put them elsewhere. Source: REST contract, sections 3 and 4. */
import { z } from 'zod';
import { explainShard } from '../../cluster/explain.ts';
import { holderReport } from '../../cluster/facts.ts';
import { requireShard } from '../../cluster/state-access.ts';
import { shardRows } from '../../cluster/summary.ts';
import { userRoute } from '../../http/user-route.ts';
import {
  doneSchema,
  INTERNAL_PATHS,
  skipRequestSchema as skipMessageSchema,
} from '../../protocol/messages.ts';
import { explainAnswerSchema, explainQuerySchema } from '../../protocol/rest-cluster.ts';
import {
  assignAnswerSchema,
  assignRequestSchema,
  shardsAnswerSchema,
  skipAnswerSchema,
  skipRequestSchema,
} from '../../protocol/rest-nodes.ts';
import { callJson } from '../../transport/json-call.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { CoordinatorRuntime } from '../coordinator-runtime.ts';

const TAG = 'shards';
const idParams = z.strictObject({ id: z.string().regex(/^\d{1,9}$/, 'must be a shard number') });

/** Declares the routes. */
export function shardRoutes(context: CoordinatorApp): void {
  listRoute(context);
  assignRoute(context);
  skipRoute(context);
  explainRoute(context);
}

function listRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    method: 'GET',
    url: '/shards',
    access: 'read',
    tag: TAG,
    operation: 'shards',
    summary: 'Every shard and the nodes that hold it.',
    answers: { 200: shardsAnswerSchema },
  } as const;
  userRoute(app, route, () => {
    const { state } = runtime.keeper;
    const shards = shardRows(state, runtime.book.facts(state)).map((row) => ({
      ShardID: row.shardId,
      NodeID: row.nodeId,
      IsPrimary: true as const,
      replicas: [...row.replicas],
      in_sync: [...row.inSync],
      term: row.term,
      state: row.state,
    }));
    return { num_shards: shards.length, shards };
  });
}

function assignRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    method: 'POST',
    url: '/shards/assign',
    access: 'admin',
    tag: TAG,
    operation: 'assign_shard',
    summary: 'Puts an empty or lost shard on a node.',
    body: assignRequestSchema,
    answers: { 200: assignAnswerSchema, 202: assignAnswerSchema },
  } as const;
  userRoute(app, route, async (request, reply) => {
    const { keeper, book, recovery } = runtime;
    recovery.check();
    const { shard_id: shardId, node_id: nodeId, is_primary: isPrimary } = request.body;
    const acceptDataLoss = request.body.accept_data_loss ?? false;
    const holder = holderReport(keeper.state, shardId, book.facts(keeper.state));
    const target = { shardId, nodeId, isPrimary };
    const command = { kind: 'assign_shard', ...target, acceptDataLoss, holder } as const;
    const { effects } = await keeper.change(command);
    const release = effects.find((effect) => effect.kind === 'release');
    const shard = requireShard(keeper.state, shardId);
    const primary = shard.copies.find((copy) => copy.copyId === shard.primary);
    return reply.code(release ? 202 : 200).send({
      shard_id: shardId,
      node_id: release?.targetNodeId ?? primary?.nodeId ?? '',
      is_primary: true,
      term: shard.term,
    });
  });
}

function skipRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    method: 'POST',
    url: '/shards/:id/skip',
    access: 'admin',
    tag: TAG,
    operation: 'skip_record',
    summary: 'Gives up a record that was kept aside.',
    params: idParams,
    body: skipRequestSchema,
    answers: { 200: skipAnswerSchema },
  } as const;
  userRoute(app, route, async (request) => {
    const { wire } = runtime.world;
    const { deadline } = request;
    const { seq } = request.body;
    const shardId = Number(request.params.id);
    const { shardUid } = requireShard(runtime.keeper.state, shardId);
    const routed = { shardId, operation: { verb: 'skip', opId: '' }, deadline };
    await runtime.keys.withRetry(routed, ({ addr: address, copyId, term }) => {
      const call = { address, path: INTERNAL_PATHS.skip, request: skipMessageSchema };
      const body = { shardUid, copyId, term, seq };
      return callJson(wire, { ...call, body, answer: doneSchema }, deadline);
    });
    return { shard_id: shardId, seq };
  });
}

function explainRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    method: 'GET',
    url: '/cluster/allocation/explain',
    access: 'read',
    tag: TAG,
    operation: 'explain',
    summary: 'Why a shard is where it is, or nowhere, and what to do next.',
    query: explainQuerySchema,
    answers: { 200: explainAnswerSchema },
  } as const;
  userRoute(app, route, (request) => explanation(runtime, request.query.shard_id));
}

/** Without a number: the first shard that is not where it should be, else the first one. */
function explanation(
  runtime: CoordinatorRuntime,
  wanted: number | undefined,
): z.output<typeof explainAnswerSchema> {
  const { state } = runtime.keeper;
  const facts = runtime.book.facts(state);
  const troubled = shardRows(state, facts).find((row) => row.state !== 'active')?.shardId;
  const shardId = wanted ?? troubled ?? 0;
  const found = explainShard(state, shardId, facts);
  const next = found.nextRequest;
  return {
    shard_id: found.shardId,
    state: found.state,
    explanation: found.explanation,
    copies: found.copies.map((copy) => ({
      node_id: copy.nodeId,
      role: copy.isPrimary ? 'primary' : 'replica',
      state: copy.state,
      explanation: copy.explanation,
    })),
    nodes: found.nodes.map((node) => ({
      node_id: node.nodeId,
      verdict: node.decision === 'no' ? 'no' : 'yes',
      deciders: node.deciders.map((decider) => ({
        decider: decider.decider,
        verdict: decider.verdict,
        explanation: decider.explanation,
      })),
    })),
    next: next
      ? `${next.method} ${next.path}${next.body ? ` ${JSON.stringify(next.body)}` : ''}`
      : null,
  };
}
