/** Single keys, ranges of keys, and lists of keys. Source: REST contract, section 2. */
import type { Readable } from 'node:stream';
import { HEADERS, MEDIA_TYPES } from '../protocol/public.ts';
import { deleteRangeAnswerSchema, type ListedKey, listAnswerSchema } from '../protocol/rest.ts';
import { decodeAnswer } from './answers.ts';
import type { Answer, CallOptions, RequestBody } from './call.ts';
import { keyPath, queryOf } from './key-path.ts';
import type { Requester } from './requester.ts';

/** What a stored value is besides its bytes. */
export interface ValueFacts {
  /** 32 hex digits, without quotes. */
  readonly etag: string;
  readonly contentType: string;
  /** Length in bytes. */
  readonly bytes: number;
  readonly shardId: number;
  readonly nodeId: string;
}

/** A value in memory. */
export interface StoredValue extends ValueFacts {
  readonly value: Buffer;
  /** The bytes as UTF-8 text. */
  text(): string;
  /** The bytes as JSON. */
  json(): unknown;
}

/** A value that is read piece by piece. Contract: the caller reads the stream to its end or destroys it. */
export interface StreamedValue extends ValueFacts {
  readonly stream: Readable;
}

/** Options of reads. */
export interface ReadOptions extends CallOptions {
  /** `any`: any copy may answer, also one that lags. Default `primary`. */
  readonly consistency?: 'primary' | 'any' | undefined;
}

/** Options of PUT. */
export interface PutOptions extends CallOptions {
  /** Default: `text/plain; charset=utf-8` for strings, else `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** The value ends after this duration: `"30s"`, `"5m"`. */
  readonly ttl?: string | undefined;
  /** Only when the stored value has this etag. */
  readonly ifMatch?: string | undefined;
  /** `'*'`: only when the key does not exist. */
  readonly ifNoneMatch?: '*' | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** Options of DELETE. */
export interface DeleteOptions extends CallOptions {
  readonly ifMatch?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** A range of keys; `start` inclusive, `end` exclusive, both compared as UTF-8 bytes. */
export interface KeyRange {
  readonly prefix?: string | undefined;
  readonly start?: string | undefined;
  readonly end?: string | undefined;
}

/** Options of lists. */
export interface ListOptions extends KeyRange, CallOptions {
  /** Keys per request, not in all. */
  readonly pageSize?: number | undefined;
  /** Each key comes with its value. */
  readonly values?: boolean | undefined;
  /** Answers from the shards that are live instead of failing with `shards_unavailable`. */
  readonly partial?: boolean | undefined;
}

/** Calls on keys. */
export interface KeyCalls {
  /** The value, or undefined when the key does not exist. Errors: anything else, also data that is unreachable. */
  get(key: string, options?: ReadOptions): Promise<StoredValue | undefined>;
  /** As `get`, for values too large to hold in memory. */
  getStream(key: string, options?: ReadOptions): Promise<StreamedValue | undefined>;
  /** What `get` would give, without the bytes. */
  head(key: string, options?: ReadOptions): Promise<ValueFacts | undefined>;
  /**
   * Stores the value durably and gives its etag. A stream that was begun cannot be sent again: pass a function that
   * makes the stream when the write should survive a failing node. Errors: `precondition_failed`, `value_too_large`.
   */
  put(key: string, value: RequestBody, options?: PutOptions): Promise<{ readonly etag: string }>;
  /** Removes the key; no error when it does not exist. */
  delete(key: string, options?: DeleteOptions): Promise<void>;
  /** All keys of the range, ascending by UTF-8 bytes, page after page. */
  list(options?: ListOptions): AsyncGenerator<ListedKey>;
  /** Removes a range, or with `{all: true}` everything, and gives the number of keys removed. */
  deleteRange(range: KeyRange | { readonly all: true }, options?: CallOptions): Promise<number>;
}

/** The calls on keys over a requester. */
export function keyCalls(requester: Requester): KeyCalls {
  return {
    get: (key, options) => getValue(requester, key, options),
    getStream: async (key, options) => {
      const answer = await read(requester, 'GET', key, options);
      return answer && { ...factsOf(answer), stream: answer.body };
    },
    head: async (key, options) => {
      const answer = await read(requester, 'HEAD', key, options);
      await answer?.body.dump();
      return answer && factsOf(answer);
    },
    put: (key, value, options) => putValue(requester, { key, value }, options),
    delete: async (key, options = {}) => {
      const headers = conditionHeaders(options);
      const answer = await requester.send({
        ...options,
        method: 'DELETE',
        path: keyPath(key),
        headers,
      });
      await answer.body.dump();
    },
    list: (options) => listKeys(requester, options),
    deleteRange: async (range, options = {}) => {
      const path = `/data${queryOf({ ...range })}`;
      const wire = await requester.json({ ...options, method: 'DELETE', path });
      return decodeAnswer(deleteRangeAnswerSchema, wire).deleted;
    },
  };
}

async function getValue(
  requester: Requester,
  key: string,
  options?: ReadOptions,
): Promise<StoredValue | undefined> {
  const answer = await read(requester, 'GET', key, options);
  if (!answer) return undefined;
  const value = Buffer.from(await answer.body.arrayBuffer());
  return {
    ...factsOf(answer),
    bytes: value.length,
    value,
    text: () => value.toString('utf8'),
    json: () => JSON.parse(value.toString('utf8')),
  };
}

async function putValue(
  requester: Requester,
  entry: { key: string; value: RequestBody },
  options: PutOptions = {},
): Promise<{ etag: string }> {
  const contentType =
    options.contentType ??
    (typeof entry.value === 'string' ? 'text/plain; charset=utf-8' : MEDIA_TYPES.anyBytes);
  const answer = await requester.send({
    ...options,
    method: 'PUT',
    path: keyPath(entry.key) + queryOf({ ttl: options.ttl }),
    headers: { 'content-type': contentType, ...conditionHeaders(options) },
    body: entry.value,
  });
  await answer.body.dump();
  return { etag: bareEtag(answer.headers.etag) };
}

/** The answer with the body unread, or undefined when the shard says that the key does not exist. */
async function read(
  requester: Requester,
  method: 'GET' | 'HEAD',
  key: string,
  options: ReadOptions = {},
): Promise<Answer | undefined> {
  const path = keyPath(key) + queryOf({ consistency: options.consistency });
  try {
    return await requester.send({ ...options, method, path });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'key_not_found')
      return undefined;
    throw error;
  }
}

function conditionHeaders(options: {
  ifMatch?: string | undefined;
  ifNoneMatch?: '*' | undefined;
  idempotencyKey?: string | undefined;
}): Record<string, string> {
  const headers: Record<string, string> = {};
  if (options.ifMatch !== undefined) headers['if-match'] = `"${bareEtag(options.ifMatch)}"`;
  if (options.ifNoneMatch !== undefined) headers['if-none-match'] = options.ifNoneMatch;
  if (options.idempotencyKey !== undefined)
    headers[HEADERS.idempotencyKey] = options.idempotencyKey;
  return headers;
}

const bareEtag = (etag: string | undefined): string => (etag ?? '').replace(/^(?:W\/)?"|"$/g, '');

function factsOf(answer: Answer): ValueFacts {
  const { headers } = answer;
  return {
    etag: bareEtag(headers.etag),
    contentType: headers['content-type'] ?? MEDIA_TYPES.anyBytes,
    bytes: Number(headers['content-length'] ?? 0),
    shardId: Number(headers[HEADERS.shardId] ?? -1),
    nodeId: headers[HEADERS.nodeId] ?? '',
  };
}

async function* listKeys(
  requester: Requester,
  options: ListOptions = {},
): AsyncGenerator<ListedKey> {
  let cursor: string | undefined;
  do {
    const { prefix, start, end, values, partial, pageSize } = options;
    const path = `/data${queryOf({ prefix, start, end, values, partial, limit: pageSize, cursor })}`;
    const page = decodeAnswer(
      listAnswerSchema,
      await requester.json({ ...options, method: 'GET', path }),
    );
    yield* page.keys;
    cursor = page.cursor;
  } while (cursor !== undefined);
}
