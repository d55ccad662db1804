/** What coordinators may ask of a node: batches of key operations, pages, states, releases. Independent of the web server. */

import { z } from 'zod';
import type { InternalContext, InternalRoute } from '../http/internal-route.ts';
import { jsonRoute } from '../http/internal-route.ts';
import type { Deadline } from '../kernel/deadline.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import { asToruaError } from '../kernel/errors.ts';
import { copyId as asCopyId, shardUid as asShardUid, term as asTerm } from '../kernel/ids.ts';
import { allOf, andThen, type Soon } from '../kernel/soon.ts';
import { decodeBatch, encodeAnswers, FRAME_CONTENT_TYPE } from '../protocol/frame.ts';
import type { KeyAnswer, KeyBatch, KeyOperation } from '../protocol/key-operation.ts';
import {
  acceptDamageRequestSchema,
  deleteRangeAnswerSchema,
  deleteRangeRequestSchema,
  doneSchema,
  INTERNAL_PATHS,
  listAnswerSchema,
  listRequestSchema,
  pushStateAnswerSchema,
  pushStateSchema,
  releaseAnswerSchema,
  releaseRequestSchema,
  skipRequestSchema,
  storedStateSchema,
} from '../protocol/messages.ts';
import { servingCopy } from './key-service.ts';
import type { NodeRuntime } from './node-runtime.ts';

/** Rows with values on one page: at 64 KiB each a page of one shard stays under 16 MiB. */
const LISTED_VALUES_MAX = 256;

/** All internal routes of a node. */
export function nodeInternalRoutes(node: NodeRuntime): InternalRoute[] {
  return [batchRoute(node), ...clusterRoutes(node), ...rangeRoutes(node)];
}

function batchRoute(node: NodeRuntime): InternalRoute {
  return {
    method: 'POST',
    path: INTERNAL_PATHS.batch,
    handle: async (body, context) => {
      const batch = decodeBatch(body);
      const answers = await allOf(
        batch.operations.map((operation) => answerTo(node, batch, operation, context)),
      );
      return { status: 200, body: encodeAnswers(answers), contentType: FRAME_CONTENT_TYPE };
    },
  };
}

/** One operation's answer: a failure becomes the answer's code, so that it does not fail its neighbours. */
function answerTo(
  node: NodeRuntime,
  batch: KeyBatch,
  operation: KeyOperation,
  context: InternalContext,
): Soon<KeyAnswer> {
  const answered = (answer: KeyAnswer): KeyAnswer => {
    logOperation(node, operation, answer.status);
    return answer;
  };
  const failed = (reason: unknown): KeyAnswer => failureOf(node, operation, reason, context);
  let answer: Soon<KeyAnswer>;
  try {
    node.checkOrder(batch);
    const deadline = deadlineIn(node.world.clock, operation.deadlineMs);
    answer = node.keys.execute(operation, deadline);
  } catch (reason) {
    return failed(reason);
  }
  return andThen(answer, answered, failed);
}

function failureOf(
  node: NodeRuntime,
  operation: KeyOperation,
  reason: unknown,
  context: InternalContext,
): KeyAnswer {
  const error = asToruaError(reason);
  if (error.definition.status === 500) {
    node.world.logger.error(
      { err: reason, requestId: operation.requestId, batch: context.requestId },
      'an operation failed',
    );
  }
  logOperation(node, operation, error.definition.status);
  return { status: error.definition.status, code: error.code, detail: error.detail };
}

function logOperation(node: NodeRuntime, operation: KeyOperation, status: number): void {
  if (!node.world.logger.debugEnabled()) return;
  const { requestId, traceparent, verb, shardUid } = operation;
  node.world.logger.debug({ requestId, traceparent, verb, shardUid, status }, 'operation');
}

function clusterRoutes(node: NodeRuntime): InternalRoute[] {
  return [
    jsonRoute(
      {
        method: 'POST',
        path: INTERNAL_PATHS.state,
        request: pushStateSchema,
        answer: pushStateAnswerSchema,
      },
      async ({ state }) => {
        await node.acceptState(state);
        return { stateVersion: node.stored.current?.version ?? 0, copies: node.copies.held() };
      },
    ),
    jsonRoute(
      {
        method: 'GET',
        path: INTERNAL_PATHS.state,
        request: z.object({}),
        answer: storedStateSchema,
      },
      async () => ({ state: node.stored.current }),
    ),
    jsonRoute(
      {
        method: 'POST',
        path: INTERNAL_PATHS.release,
        request: releaseRequestSchema,
        answer: releaseAnswerSchema,
      },
      async (order) => {
        node.checkOrder(order);
        const copy = node.copies.slot(asCopyId(order.copyId))?.copy;
        return { released: copy ? await copy.release(asTerm(order.term)) : false };
      },
    ),
    jsonRoute(
      {
        method: 'POST',
        path: INTERNAL_PATHS.acceptDamage,
        request: acceptDamageRequestSchema,
        answer: doneSchema,
      },
      async (order) => {
        node.checkOrder(order);
        await node.copies.acceptDamage(asCopyId(order.copyId));
        return { done: true };
      },
    ),
    jsonRoute(
      { method: 'POST', path: INTERNAL_PATHS.skip, request: skipRequestSchema, answer: doneSchema },
      async (order) => {
        const copy = leasedCopy(node, order);
        await copy.skip(order.seq);
        return { done: true };
      },
    ),
  ];
}

function rangeRoutes(node: NodeRuntime): InternalRoute[] {
  return [
    jsonRoute(
      {
        method: 'POST',
        path: INTERNAL_PATHS.list,
        request: listRequestSchema,
        answer: listAnswerSchema,
      },
      async (request) => {
        const copy = request.anyCopy ? anyCopy(node, request) : leasedCopy(node, request);
        const page = await copy.list({ ...request, limit: rowsMax(request) });
        if (!request.anyCopy) node.lease.check();
        return {
          rows: page.rows.map(({ key, stored }) => ({
            key,
            etag: stored.etag,
            bytes: stored.bytes,
            contentType: stored.contentType,
            valueBase64: request.values ? stored.value?.toString('base64') : undefined,
          })),
          next: page.next,
        };
      },
    ),
    jsonRoute(
      {
        method: 'POST',
        path: INTERNAL_PATHS.deleteRange,
        request: deleteRangeRequestSchema,
        answer: deleteRangeAnswerSchema,
      },
      async (request, context) => deletePage(node, request, context.deadline),
    ),
  ];
}

/** Rows of one page: with their values far fewer, or a page could not be held in memory. */
function rowsMax(request: {
  readonly limit: number;
  readonly values?: boolean | undefined;
}): number {
  return request.values ? Math.min(request.limit, LISTED_VALUES_MAX) : request.limit;
}

async function deletePage(
  node: NodeRuntime,
  request: Parameters<typeof leasedCopy>[1] & {
    start?: string | undefined;
    startExclusive?: boolean | undefined;
    end?: string | undefined;
    opId: string;
    callerOpId: boolean;
  },
  deadline: Deadline,
): Promise<{ deleted: number; next: string | null }> {
  node.checkWritable();
  const copy = leasedCopy(node, request);
  const { opId, callerOpId, start, startExclusive, end } = request;
  const operation = { opId, callerOpId, term: asTerm(request.term) };
  const answer = await copy.deletePage({ start, startExclusive, end }, operation, deadline);
  node.lease.check();
  return JSON.parse(answer.detail ?? '') as { deleted: number; next: string | null };
}

function leasedCopy(
  node: NodeRuntime,
  request: { shardUid: string; copyId: string; term: number },
) {
  node.lease.check();
  return servingCopy(node.copies, identityOf(request), node.numShards);
}

function anyCopy(node: NodeRuntime, request: { shardUid: string; copyId: string; term: number }) {
  return servingCopy(node.copies, { ...identityOf(request), anyCopy: true }, node.numShards);
}

function identityOf(request: { shardUid: string; copyId: string; term: number }) {
  return {
    shardUid: asShardUid(request.shardUid),
    copyId: asCopyId(request.copyId),
    term: asTerm(request.term),
  };
}
