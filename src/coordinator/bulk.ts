/**
 * POST /data/_bulk: NDJSON in, NDJSON out, one line per line in the same order, streamed in both directions. Lines run
 * side by side within a window; one bad line fails that line alone.
 */
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { storedType } from '../http/key-answer.ts';
import { checkedKey } from '../http/key-path.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Deadline, deadlineIn } from '../kernel/deadline.ts';
import { asToruaError, ToruaError } from '../kernel/errors.ts';
import { INLINE_VALUE_BYTES_MAX, type KeyAnswer } from '../protocol/key-operation.ts';
import { bulkLineSchema } from '../protocol/rest.ts';
import type { ValueStreams } from '../transport/value-stream.ts';
import { type InputLine, linesOf } from './bulk-lines.ts';
import type { KeyRouter, UserOperation } from './key-router.ts';
import type { OperationIdentity } from './operation-identity.ts';

/** Lines under way at once. */
export const BULK_WINDOW_LINES = 256;
/** Bytes of values under way at once; a single larger line goes alone. */
export const BULK_WINDOW_BYTES = 32 * 2 ** 20;

/** What a bulk request needs. */
export interface BulkParts {
  readonly keys: KeyRouter;
  readonly streams: ValueStreams;
  readonly clock: Clock;
  /** Under which ids the lines may be repeated; each is a part. */
  readonly identity: OperationIdentity;
  readonly lineTimeoutMs: number;
  readonly lineBytesMax: number;
  readonly valueBytesMax: number;
  readonly requestId: string;
  readonly traceparent: string | undefined;
}

/** A line's answer as it is written. */
type LineAnswer = { key?: string; status: number } & Record<string, unknown>;

/** A line under way. `finish` is run when its turn to be written comes: large values are fetched only then. */
interface PendingLine {
  readonly bytes: number;
  readonly answer: Promise<{ answer: LineAnswer; finish?: () => Promise<LineAnswer> }>;
}

/** The answer's lines. Contract: `body` is the unpacked request. */
export async function* bulkAnswers(parts: BulkParts, body: Readable): AsyncGenerator<string> {
  const window: PendingLine[] = [];
  const turns: KeyTurns = new Map();
  let bytes = 0;
  const oldest = async (): Promise<string> => {
    const line = window.shift();
    bytes -= line?.bytes ?? 0;
    const { answer, finish } = (await line?.answer) ?? { answer: { status: 500 } };
    return `${JSON.stringify(finish ? await finish() : answer)}\n`;
  };
  for await (const event of linesOf(body, parts.lineBytesMax)) {
    // Nothing more to read for now: answer what is done instead of waiting for a full window.
    if (event === 'idle') {
      while (window.length > 0) yield await oldest();
      continue;
    }
    const size = event.text?.length ?? 0;
    while (
      window.length >= BULK_WINDOW_LINES ||
      (window.length > 0 && bytes + size > BULK_WINDOW_BYTES)
    )
      yield await oldest();
    bytes += size;
    window.push({ bytes: size, answer: answerLine(parts, event, turns) });
  }
  while (window.length > 0) yield await oldest();
}

/** The last line under way of each key: lines of one key run one after another, as they stand in the request. */
type KeyTurns = Map<string, Promise<unknown>>;

async function answerLine(
  parts: BulkParts,
  { number, text }: InputLine,
  turns: KeyTurns,
): PendingLine['answer'] {
  let key: string | undefined;
  try {
    if (text === undefined) {
      const detail = `Line ${number} is longer than ${parts.lineBytesMax} bytes.`;
      throw new ToruaError('value_too_large', detail);
    }
    const json = jsonOf(text, number);
    // Named also when the rest of the line is wrong: who reads the answer looks for it.
    key = givenKey(json);
    const parsed = parseLine(json, number);
    const before = turns.get(parsed.key) ?? Promise.resolve();
    const turn = before.then(() => runLine(parts, parsed, number));
    // A large value is read only when its line is written; until then the key's next line waits.
    let release = (): void => {};
    const written = new Promise<void>((resolve) => {
      release = resolve;
    });
    const settled = turn
      .then(({ finish }) => (finish ? written : undefined))
      .catch(() => {})
      .then(() => {
        if (turns.get(parsed.key) === settled) turns.delete(parsed.key);
      });
    turns.set(parsed.key, settled);
    const { answer, finish } = await turn;
    return finish ? { answer, finish: () => finish().finally(release) } : { answer };
  } catch (reason) {
    return { answer: failedLine(key, reason) };
  }
}

async function runLine(parts: BulkParts, line: BulkLine, number: number): PendingLine['answer'] {
  const operation = operationOf(parts, line, number);
  const deadline = deadlineIn(parts.clock, parts.lineTimeoutMs);
  if (line.op === 'put') return { answer: await putLine(parts, operation, line, deadline) };
  const { answer } = await parts.keys.execute(operation, deadline);
  const isLarge = line.op === 'get' && answer.status === 200 && answer.value === undefined;
  if (!isLarge) return { answer: lineAnswer(line.key, answer) };
  return { answer: { status: 200 }, finish: () => fetchLarge(parts, operation) };
}

function jsonOf(text: Buffer, number: number): unknown {
  if (!isUtf8(text)) throw new ToruaError('invalid_json', `Line ${number} is not UTF-8.`);
  try {
    return JSON.parse(text.toString('utf8'));
  } catch (cause) {
    throw new ToruaError('invalid_json', `Line ${number} is not valid JSON.`, { cause });
  }
}

function givenKey(json: unknown): string | undefined {
  const isObject = typeof json === 'object' && json !== null && 'key' in json;
  return isObject && typeof json.key === 'string' ? json.key : undefined;
}

function parseLine(json: unknown, number: number) {
  const parsed = bulkLineSchema.safeParse(json);
  if (parsed.success) return { ...parsed.data, key: checkedKey(parsed.data.key) };
  const issue = parsed.error.issues[0];
  const code = issue?.code === 'unrecognized_keys' ? 'unknown_field' : 'invalid_request';
  const fault = [...(issue?.path ?? []), issue?.message].join(' ');
  throw new ToruaError(code, `Line ${number}: ${fault}.`);
}

type BulkLine = ReturnType<typeof parseLine>;

/** Reads are repeatable as they are. */
const READ_IDENTITY = { opId: '', callerOpId: false };

function operationOf(parts: BulkParts, line: BulkLine, number: number): UserOperation {
  const isRead = line.op === 'get';
  const { opId, callerOpId } = isRead ? READ_IDENTITY : parts.identity.part(number);
  return {
    verb: line.op,
    key: line.key,
    opId,
    callerOpId,
    requestId: parts.requestId,
    traceparent: parts.traceparent,
  };
}

async function putLine(
  parts: BulkParts,
  operation: UserOperation,
  line: BulkLine & { op: 'put' },
  deadline: Deadline,
): Promise<LineAnswer> {
  const value = putValueOf(line);
  if (value.length > parts.valueBytesMax) {
    const detail = `The value has ${value.length} bytes; at most ${parts.valueBytesMax} are allowed.`;
    throw new ToruaError('value_too_large', detail);
  }
  const put = { ...operation, contentType: storedType(line.content_type) };
  if (value.length <= INLINE_VALUE_BYTES_MAX) {
    return lineAnswer(line.key, (await parts.keys.execute({ ...put, value }, deadline)).answer);
  }
  const { answer } = await parts.keys.stream(put, deadline, (address, batch) =>
    parts.streams.put(
      { address, batch, idleMs: parts.lineTimeoutMs },
      Readable.from([value]),
      value.length,
    ),
  );
  return lineAnswer(line.key, answer);
}

function putValueOf({ value, value_base64: base64 }: BulkLine & { op: 'put' }): Buffer {
  if ((value === undefined) === (base64 === undefined)) {
    throw new ToruaError('invalid_request', 'A put has either value or value_base64.');
  }
  if (value === undefined) return Buffer.from(base64 ?? '', 'base64');
  if (!/\p{Surrogate}/u.test(value)) return Buffer.from(value, 'utf8');
  throw new ToruaError(
    'invalid_request',
    'The value holds half of a surrogate pair, which is no UTF-8; send value_base64.',
  );
}

async function fetchLarge(parts: BulkParts, operation: UserOperation): Promise<LineAnswer> {
  try {
    let body: Readable | undefined;
    const { answer } = await parts.keys.stream(
      operation,
      deadlineIn(parts.clock, parts.lineTimeoutMs),
      async (address, batch) => {
        const got = await parts.streams.get({ address, batch, idleMs: parts.lineTimeoutMs });
        body = got.body;
        return got.answer;
      },
    );
    return lineAnswer(operation.key, body ? { ...answer, value: await collected(body) } : answer);
  } catch (reason) {
    return failedLine(operation.key, reason);
  }
}

async function collected(body: Readable): Promise<Buffer> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of body as AsyncIterable<Buffer>) pieces.push(piece);
  } catch (cause) {
    const detail = 'The node stopped in the middle of the value.';
    throw new ToruaError('node_unreachable', detail, { cause });
  }
  return Buffer.concat(pieces);
}

function lineAnswer(key: string, answer: KeyAnswer): LineAnswer {
  const { status, etag, contentType, value, code, detail } = answer;
  const shown =
    value === undefined
      ? {}
      : isUtf8(value)
        ? { value: value.toString('utf8') }
        : { value_base64: value.toString('base64') };
  return {
    key,
    status,
    ...(etag === undefined ? {} : { etag }),
    ...shown,
    ...(contentType === undefined || status !== 200 ? {} : { content_type: contentType }),
    ...(code === undefined ? {} : { code, detail }),
  };
}

function failedLine(key: string | undefined, reason: unknown): LineAnswer {
  const error = asToruaError(reason);
  const { status } = error.definition;
  return { ...(key === undefined ? {} : { key }), status, code: error.code, detail: error.detail };
}
