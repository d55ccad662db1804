/**
 * POST /data/_bulk: NDJSON in, NDJSON out, one line per line in the same order, streamed in both directions. Lines run
 * side by side within a window; one bad line fails that line alone.
 */
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { checkedKey } from '../http/key-path.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Deadline, deadlineIn } from '../kernel/deadline.ts';
import { asToruaError, ToruaError } from '../kernel/errors.ts';
import { INLINE_VALUE_BYTES_MAX, type KeyAnswer } from '../protocol/key-operation.ts';
import { bulkLineSchema } from '../protocol/rest.ts';
import type { ValueStreams } from '../transport/value-stream.ts';
import type { KeyRouter, UserOperation } from './key-router.ts';

/** Lines under way at once. */
export const BULK_WINDOW_LINES = 256;
/** Bytes of values under way at once; a single larger line goes alone. */
export const BULK_WINDOW_BYTES = 32 * 2 ** 20;

/** What a bulk request needs. */
export interface BulkParts {
  readonly keys: KeyRouter;
  readonly streams: ValueStreams;
  readonly clock: Clock;
  /** A fresh operation id of our own. */
  readonly newOpId: () => string;
  /** The caller's `idempotency-key`; each line gets its number behind it. */
  readonly callersKey: string | undefined;
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
  let number = 0;
  const oldest = async (): Promise<string> => {
    const line = window.shift();
    bytes -= line?.bytes ?? 0;
    const { answer, finish } = (await line?.answer) ?? { answer: { status: 500 } };
    return `${JSON.stringify(finish ? await finish() : answer)}\n`;
  };
  for await (const event of linesOf(parts, body)) {
    // Nothing more to read for now: answer what is done instead of waiting for a full window.
    if (event === 'idle') {
      while (window.length > 0) yield await oldest();
      continue;
    }
    number += 1;
    const size = 'text' in event ? event.text.length : 0;
    while (
      window.length >= BULK_WINDOW_LINES ||
      (window.length > 0 && bytes + size > BULK_WINDOW_BYTES)
    )
      yield await oldest();
    bytes += size;
    window.push({ bytes: size, answer: answerLine(parts, event, { number, turns }) });
  }
  while (window.length > 0) yield await oldest();
}

type LineEvent = 'idle' | { readonly text: Buffer } | { readonly tooLong: true };

/** Lines as they arrive, without their line ends; empty ones are passed over. `idle` after each piece of input. */
async function* linesOf(parts: BulkParts, body: Readable): AsyncGenerator<LineEvent> {
  let rest: Buffer[] = [];
  let length = 0;
  let skipping = false;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const text = Buffer.concat([...rest, chunk.subarray(from, end)]);
      if (skipping) yield { tooLong: true };
      else if (text.length > 0 && !isBlank(text)) yield { text };
      rest = [];
      length = 0;
      skipping = false;
      from = end + 1;
    }
    const tail = chunk.subarray(from);
    length += tail.length;
    skipping ||= length > parts.lineBytesMax;
    rest = skipping ? [] : [...rest, tail];
    yield 'idle';
  }
  const text = Buffer.concat(rest);
  if (skipping) yield { tooLong: true };
  else if (text.length > 0 && !isBlank(text)) yield { text };
}

const isBlank = (text: Buffer): boolean =>
  text.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);

/** The last line under way of each key: lines of one key run one after another, as they stand in the request. */
type KeyTurns = Map<string, Promise<unknown>>;

async function answerLine(
  parts: BulkParts,
  line: Exclude<LineEvent, 'idle'>,
  place: { readonly number: number; readonly turns: KeyTurns },
): PendingLine['answer'] {
  const { number, turns } = place;
  let key: string | undefined;
  try {
    if ('tooLong' in line)
      throw new ToruaError(
        'value_too_large',
        `Line ${number} is longer than ${parts.lineBytesMax} bytes.`,
      );
    const parsed = parseLine(line.text, number);
    key = parsed.key;
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

function parseLine(text: Buffer, number: number) {
  if (!isUtf8(text)) throw new ToruaError('invalid_json', `Line ${number} is not UTF-8.`);
  let json: unknown;
  try {
    json = JSON.parse(text.toString('utf8'));
  } catch (cause) {
    throw new ToruaError('invalid_json', `Line ${number} is not valid JSON.`, { cause });
  }
  const parsed = bulkLineSchema.safeParse(json);
  if (parsed.success) return { ...parsed.data, key: checkedKey(parsed.data.key) };
  const issue = parsed.error.issues[0];
  const code = issue?.code === 'unrecognized_keys' ? 'unknown_field' : 'invalid_request';
  throw new ToruaError(
    code,
    `Line ${number}: ${[...(issue?.path ?? []), issue?.message].join(' ')}.`,
  );
}

type BulkLine = ReturnType<typeof parseLine>;

function operationOf(parts: BulkParts, line: BulkLine, number: number): UserOperation {
  const own = line.op === 'get' ? '' : parts.newOpId();
  const { callersKey } = parts;
  return {
    verb: line.op,
    key: line.key,
    opId: callersKey !== undefined && line.op !== 'get' ? `${callersKey}:${number}` : own,
    callerOpId: callersKey !== undefined && line.op !== 'get',
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
  if ((line.value === undefined) === (line.value_base64 === undefined)) {
    throw new ToruaError('invalid_request', 'A put has either value or value_base64.');
  }
  const value =
    line.value === undefined
      ? Buffer.from(line.value_base64 ?? '', 'base64')
      : Buffer.from(line.value, 'utf8');
  if (value.length > parts.valueBytesMax)
    throw new ToruaError(
      'value_too_large',
      `The value has ${value.length} bytes; at most ${parts.valueBytesMax} are allowed.`,
    );
  const put = { ...operation, contentType: line.content_type ?? 'application/octet-stream' };
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
    const pieces: Buffer[] = [];
    if (body) for await (const piece of body as AsyncIterable<Buffer>) pieces.push(piece);
    return lineAnswer(operation.key, { ...answer, value: Buffer.concat(pieces) });
  } catch (reason) {
    return failedLine(operation.key, reason);
  }
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
