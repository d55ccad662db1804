/** Listings and range deletes: GET and DELETE /data. Source: REST contract, section 2. */
import { isUtf8 } from 'node:buffer';
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
import { identityOf } from '../operation-identity.ts';
import type { ListRow, RangeRequest } from '../range-router.ts';

/** What both routes at /data itself declare. */
const base = { url: '/data', aliases: ['/store'], tag: 'data' } as const;

/** Declares the routes at /data itself and its alias /store. */
export function rangeRoutes(context: CoordinatorApp): void {
  listRoute(context);
  deleteRangeRoute(context);
}

function listRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    ...base,
    method: 'GET',
    access: 'read',
    operation: 'list',
    summary: 'Keys of all shards, ascending by UTF-8 bytes.',
    query: listQuerySchema,
    answers: { 200: listAnswerSchema },
  } as const;
  userRoute(app, route, async (request) => {
    checkEncoding(request.raw.url);
    const { prefix, start, end, cursor, limit, values, partial } = request.query;
    const after = cursor === undefined ? undefined : keyOfCursor(cursor);
    const options = {
      limit: limit ?? LIST_LIMIT_DEFAULT,
      values: values ?? false,
      anyCopy: false,
      partial: partial ?? false,
    };
    const range = { ...rangeOf({ prefix, start, end }), after };
    const page = await runtime.ranges.list(range, options, request.deadline);
    const { rows, next, missingShards } = page;
    return {
      keys: rows.map(shownRow),
      ...(next === undefined ? {} : { cursor: cursorOf(next) }),
      ...(missingShards.length > 0 ? { partial: true, missing_shards: missingShards } : {}),
    };
  });
}

function deleteRangeRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    ...base,
    method: 'DELETE',
    access: 'write',
    operation: 'delete_range',
    summary: 'Deletes all keys with a prefix, in a range, or all.',
    query: deleteRangeQuerySchema,
    answers: { 200: deleteRangeAnswerSchema },
  } as const;
  userRoute(app, route, async (request) => {
    checkEncoding(request.raw.url);
    const { prefix, start, end, all } = request.query;
    checkChoice({ prefix, start, end, all });
    const operation = identityOf(request.raw.headers, runtime.newOpId);
    const range = rangeOf({ prefix, start, end });
    return { deleted: await runtime.ranges.deleteRange(range, operation, request.deadline) };
  });
}

/** What is not named must not be deleted: exactly one of the three ways, and none that says "everything" by the way. */
function checkChoice(query: {
  readonly prefix?: string | undefined;
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly all?: boolean | undefined;
}): void {
  const { prefix, start, end, all } = query;
  const bounds = [start, end].filter((bound) => bound !== undefined);
  const isEmpty = prefix === '' || (bounds.length > 0 && bounds.every((bound) => bound === ''));
  if (isEmpty) {
    throw new ToruaError(
      'invalid_request',
      'prefix, or start and end, must not be empty; ?all=true deletes everything.',
    );
  }
  const chosen = [prefix !== undefined, bounds.length > 0, all === true].filter(Boolean);
  if (chosen.length === 1) return;
  throw new ToruaError(
    'invalid_request',
    'Say what to delete by one of prefix, start and end, or all=true.',
  );
}

/** A bound that is not what the caller meant must not decide what is listed or deleted. */
function checkEncoding(target: string | undefined): void {
  const query = target?.split('?', 2)[1] ?? '';
  try {
    decodeURIComponent(query);
  } catch (cause) {
    throw new ToruaError(
      'invalid_request',
      'The query holds a percent sign that does not start the encoding of UTF-8; write it as %25.',
      { cause },
    );
  }
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

const cursorOf = (key: string): string => Buffer.from(key, 'utf8').toString('base64url');

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
function shownValue(base64: string): { value: string } | { value_base64: string } {
  const bytes = Buffer.from(base64, 'base64');
  return isUtf8(bytes) ? { value: bytes.toString('utf8') } : { value_base64: base64 };
}
