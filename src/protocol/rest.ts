/**
 * The users' JSON surface, common part and key-value data: problems, lists, bulk lines. Requests are strict (an
 * unknown field is a 400 that names it), answers are tolerant (unknown fields are ignored).
 * Nodes and shards: rest-nodes.ts; cluster: rest-cluster.ts. Source: REST contract, sections 1 and 2.
 */
import { z } from 'zod';
import { durationSetting } from '../kernel/config.ts';
import type { Decoded } from './case.ts';

/** Longest key, in bytes of UTF-8. */
export const KEY_BYTES_MAX = 4_096;
/** Entries of one list page at most. */
export const LIST_LIMIT_MAX = 10_000;
/** Entries of one list page when the caller does not say. */
export const LIST_LIMIT_DEFAULT = 1_000;

/** `true` or `false` in a query string; a bare `?flag` counts as true. */
export const flagSchema = z.enum(['true', 'false', '']).transform((text) => text !== 'false');

/** A whole number in a query string. */
export const wholeNumberSchema = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`);

/** `application/problem+json`, RFC 9457. A code's own fields are kept. */
export const problemSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  instance: z.string().optional(),
  code: z.string(),
  retryable: z.boolean(),
  request_id: z.string().optional(),
  retry_after_ms: z.number().optional(),
  /** On a 502 or 504 to a write. */
  outcome: z.literal('unknown').optional(),
  idempotency_key: z.string().optional(),
  missing_shards: z.array(z.number().int()).optional(),
});

/** Longest time to live: a hundred years; longer ones are a slip of the pen. Milliseconds. */
const TTL_MS_MAX = 100 * 365 * 86_400_000;

/** Query of PUT /data/{key}. `ttl` is a duration such as `30s` and becomes a number of milliseconds. */
export const putQuerySchema = z.strictObject({
  ttl: durationSetting(1, TTL_MS_MAX).optional(),
  pretty: flagSchema.optional(),
});

/** Query of GET and HEAD /data/{key}. */
export const getQuerySchema = z.strictObject({
  consistency: z.enum(['primary', 'any']).optional(),
  pretty: flagSchema.optional(),
});

/** Query of GET /data. `start` is inclusive, `end` exclusive; both compare UTF-8 bytes. */
export const listQuerySchema = z.strictObject({
  prefix: z.string().optional(),
  start: z.string().optional(),
  end: z.string().optional(),
  limit: wholeNumberSchema(1, LIST_LIMIT_MAX).optional(),
  cursor: z.string().optional(),
  values: flagSchema.optional(),
  partial: flagSchema.optional(),
  pretty: flagSchema.optional(),
});

/** One key of a list. The value only when `values=true` asked for it. */
export const listedKeySchema = z.object({
  key: z.string(),
  etag: z.string(),
  bytes: z.number().int(),
  content_type: z.string(),
  value: z.string().optional(),
  value_base64: z.string().optional(),
});

/** Answer to GET /data: ascending by UTF-8 bytes; without `cursor` there is no further page. */
export const listAnswerSchema = z.object({
  keys: z.array(listedKeySchema),
  cursor: z.string().optional(),
  partial: z.boolean().optional(),
  missing_shards: z.array(z.number().int()).optional(),
});

/** Query of DELETE /data: a prefix that is not empty, a range, or everything; the route refuses none and several. */
export const deleteRangeQuerySchema = z.strictObject({
  prefix: z.string().optional(),
  start: z.string().optional(),
  end: z.string().optional(),
  all: flagSchema.optional(),
  pretty: flagSchema.optional(),
});

/** Answer to DELETE /data. */
export const deleteRangeAnswerSchema = z.object({ deleted: z.number().int() });

/** One line of POST /data/_bulk. */
export const bulkLineSchema = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.literal('put'),
    key: z.string(),
    value: z.string().optional(),
    value_base64: z.base64().optional(),
    content_type: z.string().optional(),
  }),
  z.strictObject({ op: z.literal('get'), key: z.string() }),
  z.strictObject({ op: z.literal('delete'), key: z.string() }),
]);

/** One line of the answer to POST /data/_bulk, in the order of the request's lines. */
export const bulkAnswerSchema = z.object({
  key: z.string().optional(),
  status: z.number().int(),
  etag: z.string().optional(),
  value: z.string().optional(),
  value_base64: z.string().optional(),
  content_type: z.string().optional(),
  code: z.string().optional(),
  detail: z.string().optional(),
});

/** A problem in the code's names. */
export type Problem = Decoded<typeof problemSchema>;
/** One key of a list. */
export type ListedKey = Decoded<typeof listedKeySchema>;
/** One line of a bulk request. */
export type BulkLine = Decoded<typeof bulkLineSchema>;
/** One line of a bulk answer. */
export type BulkAnswer = Decoded<typeof bulkAnswerSchema>;
