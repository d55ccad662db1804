/** Listings and range deletes: GET and DELETE /data. Source: REST contract, section 2. */
import { isUtf8 } from 'node:buffer';
import { callersKey } from '../../http/key-answer.ts';
import { userRoute } from '../../http/user-route.ts';
import { ToruaError } from '../../kernel/errors.ts';
import { compareUtf8, endOfPrefix } from '../../kernel/utf8-order.ts';
import {
  deleteRangeAnswerSchema,
  deleteRangeQuerySchema,
  LIST_LIMIT_DEFAULT,
  listAnswerSchema,
  listQuerySchema,
} from '../../protocol/rest.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { ListRow, RangeRequest } from '../range-router.ts';

const TAG = 'data';

/** Declares the routes at /data itself and its alias /store. */
export function rangeRoutes(context: CoordinatorApp): void {
  const { app, runtime } = context;
  const base = { url: '/data', aliases: ['/store'], tag: TAG } as const;
  userRoute(
    app,
    {
      ...base,
      method: 'GET',
      access: 'read',
      operation: 'list',
      summary: 'Keys of all shards, ascending by UTF-8 bytes.',
      query: listQuerySchema,
      answers: { 200: listAnswerSchema },
    },
    async (request) => {
      const { prefix, start, end, cursor, limit, values, partial } = request.query;
      const range = {
        ...rangeOf({ prefix, start, end }),
        after: cursor === undefined ? undefined : keyOfCursor(cursor),
      };
      const options = {
        limit: limit ?? LIST_LIMIT_DEFAULT,
        values: values ?? false,
        anyCopy: false,
        partial: partial ?? false,
      };
      const page = await runtime.ranges.list(range, options, request.deadline);
      const missing =
        page.missingShards.length > 0 ? { partial: true, missing_shards: page.missingShards } : {};
      return {
        keys: page.rows.map(shownRow),
        ...(page.next === undefined
          ? {}
          : { cursor: Buffer.from(page.next, 'utf8').toString('base64url') }),
        ...missing,
      };
    },
  );
  userRoute(
    app,
    {
      ...base,
      method: 'DELETE',
      access: 'write',
      operation: 'delete_range',
      summary: 'Deletes all keys with a prefix, in a range, or all.',
      query: deleteRangeQuerySchema,
      answers: { 200: deleteRangeAnswerSchema },
    },
    async (request) => {
      const { prefix, start, end, all } = request.query;
      const chosen = [
        prefix !== undefined,
        start !== undefined || end !== undefined,
        all === true,
      ].filter(Boolean);
      if (prefix === '')
        throw new ToruaError(
          'invalid_request',
          'prefix must not be empty; ?all=true deletes everything.',
        );
      if (chosen.length !== 1) {
        throw new ToruaError(
          'invalid_request',
          'Say what to delete by one of prefix, start and end, or all=true.',
        );
      }
      const callers = callersKey(request.raw.headers['idempotency-key']);
      const operation = { opId: callers ?? runtime.newOpId(), callerOpId: callers !== undefined };
      return {
        deleted: await runtime.ranges.deleteRange(
          rangeOf({ prefix, start, end }),
          operation,
          request.deadline,
        ),
      };
    },
  );
}

function rangeOf(query: {
  prefix?: string | undefined;
  start?: string | undefined;
  end?: string | undefined;
}): RangeRequest {
  const { prefix } = query;
  if (prefix === undefined || prefix === '') return { start: query.start, end: query.end };
  const prefixEnd = endOfPrefix(prefix);
  const start =
    query.start !== undefined && compareUtf8(query.start, prefix) > 0 ? query.start : prefix;
  const endsEarlier =
    query.end !== undefined && (prefixEnd === undefined || compareUtf8(query.end, prefixEnd) < 0);
  return { start, end: endsEarlier ? query.end : prefixEnd };
}

function keyOfCursor(cursor: string): string {
  const bytes = Buffer.from(cursor, 'base64url');
  if (bytes.length > 0 && isUtf8(bytes) && bytes.toString('base64url') === cursor)
    return bytes.toString('utf8');
  throw new ToruaError('invalid_request', 'The cursor is none that this cluster gave out.');
}

function shownRow(row: ListRow): object {
  const { key, etag, bytes, contentType } = row;
  return {
    key,
    etag,
    bytes,
    content_type: contentType,
    ...(row.valueBase64 === undefined ? {} : shownValue(row.valueBase64)),
  };
}

/** A value as JSON shows it: text when it is UTF-8, else base64. */
export function shownValue(base64: string): { value: string } | { value_base64: string } {
  const bytes = Buffer.from(base64, 'base64');
  return isUtf8(bytes) ? { value: bytes.toString('utf8') } : { value_base64: base64 };
}
