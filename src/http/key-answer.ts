/** A key's answer as HTTP, the same on the coordinator and on the node itself. Source: REST contract, sections 2 and 5. */
import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { isErrorCode, ToruaError } from '../kernel/errors.ts';
import type { KeyAnswer } from '../protocol/key-operation.ts';
import { HEADERS, MEDIA_TYPES } from '../protocol/public.ts';

/** Longest `idempotency-key`, characters. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 256;

/** Where an answer comes from; either part may not be known yet. */
export interface AnswerPlace {
  readonly shardId?: unknown;
  readonly nodeId?: unknown;
}

/** Names shard and node in the answer's headers; also before an error is thrown. */
export function namePlace(reply: FastifyReply, { shardId, nodeId }: AnswerPlace): void {
  if (shardId !== undefined) void reply.header(HEADERS.shardId, String(shardId));
  if (nodeId !== undefined) void reply.header(HEADERS.nodeId, String(nodeId));
}

/**
 * Sends the answer to one operation. `body` is a value that is streamed; without it `answer.value` is sent, and a
 * length without a value is that of a HEAD. Errors: those the answer reports.
 */
export function sendKeyAnswer(
  reply: FastifyReply,
  answer: KeyAnswer,
  body?: Readable | undefined,
): unknown {
  const refusal = refusalOf(answer);
  if (refusal) throw refusal;
  if (answer.etag !== undefined) void reply.header('etag', `"${answer.etag}"`);
  void reply.code(answer.status);
  if (answer.status !== 200) return reply.send();
  void reply.header('content-type', answer.contentType ?? MEDIA_TYPES.anyBytes);
  if (body === undefined && answer.value !== undefined) return reply.send(answer.value);
  if (answer.bytes !== undefined) void reply.header('content-length', String(answer.bytes));
  return reply.send(body);
}

function refusalOf(answer: KeyAnswer): ToruaError | undefined {
  if (answer.code === undefined) return undefined;
  const code = isErrorCode(answer.code) ? answer.code : 'bad_node_answer';
  const fields = answer.etag === undefined ? {} : { etag: answer.etag };
  return new ToruaError(code, answer.detail ?? '', { fields });
}

/** Longest content-type, characters; it travels in headers between processes. */
const CONTENT_TYPE_LENGTH_MAX = 1_024;

/**
 * The content-type a value is stored with: any that a header can carry back. Errors: `invalid_request`.
 */
export function storedType(sent: string | undefined): string {
  if (sent === undefined) return MEDIA_TYPES.anyBytes;
  if (sent.length <= CONTENT_TYPE_LENGTH_MAX && /^[\t -~\x80-\xff]*$/.test(sent)) return sent;
  throw new ToruaError(
    'invalid_request',
    `The content-type must have at most ${CONTENT_TYPE_LENGTH_MAX} characters that a header may hold.`,
  );
}

/** The caller's `idempotency-key`. Errors: `invalid_request` for an empty or very long one. */
export function callersKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (
    typeof header === 'string' &&
    header.length > 0 &&
    header.length <= IDEMPOTENCY_KEY_LENGTH_MAX
  ) {
    return header;
  }
  throw new ToruaError(
    'invalid_request',
    `${HEADERS.idempotencyKey} must have 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} characters.`,
  );
}
