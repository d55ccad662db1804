/**
 * The binary frame of the hot path: many key operations in one body, and their answers in the same order. Texts that
 * repeat (copies, content-types) stand once in a table in front. Values are views into the frame, never copies:
 * whoever keeps one for longer than the request copies it. Layout: DESIGN.md of the transport room.
 */

import { ToruaError } from '../kernel/errors.ts';
import { type CopyId, copyId, type ShardUid, shardUid, type Term, term } from '../kernel/ids.ts';
import { FrameReader, FrameWriter, textBytesMax } from './frame-bytes.ts';
import type { KeyAnswer, KeyBatch, KeyOperation, KeyVerb } from './key-operation.ts';

/** Content-type of both frames. */
export const FRAME_CONTENT_TYPE = 'application/x-torua-frame';
/** Operations one frame may hold; a longer one is refused. */
export const FRAME_OPERATIONS_MAX = 4_096;

const MAGIC = 0x4b54;
const FRAME_VERSION = 1;
const KIND_BATCH = 1;
const KIND_ANSWERS = 2;
const HEADER_BYTES = 40;
const ITEM_BYTES_MAX = 64;
const VERBS: readonly KeyVerb[] = ['get', 'head', 'put', 'delete'];

const OPERATION = {
  anyCopy: 1,
  callerOpId: 2,
  value: 4,
  contentType: 8,
  ttl: 16,
  ifMatch: 32,
  ifNoneMatch: 64,
  traceparent: 128,
} as const;
const ANSWER = { etag: 1, contentType: 2, bytes: 4, value: 8, code: 16, detail: 32 } as const;

interface Route {
  readonly shardUid: ShardUid;
  readonly copyId: CopyId;
  readonly term: Term;
}

/**
 * The batch as bytes. `remainingMs[i]`, when given, stands for the deadline of operation i, so that time spent in a
 * queue is subtracted without copying the operation.
 * Contract: at most FRAME_OPERATIONS_MAX operations; texts have no lone surrogates.
 */
export function encodeBatch(batch: KeyBatch, remainingMs?: readonly number[]): Buffer {
  const routes = new Table<Route>(
    (left, right) =>
      left.copyId === right.copyId && left.term === right.term && left.shardUid === right.shardUid,
  );
  const types = new Table<string>((left, right) => left === right);
  let bytesMax = HEADER_BYTES;
  for (const operation of batch.operations) {
    routes.add(operation);
    types.add(operation.contentType);
    bytesMax += operationBytesMax(operation);
  }
  for (const route of routes.entries)
    bytesMax += textBytesMax(route.shardUid) + textBytesMax(route.copyId) + 8;
  const writer = new FrameWriter(bytesMax + typesBytesMax(types));
  writeHeader(writer, KIND_BATCH, batch.operations.length);
  writer.whole(batch.leaderEpoch);
  writer.u32(batch.routingVersion);
  writer.u32(batch.schemaVersion);
  writer.u16(routes.entries.length);
  for (const route of routes.entries) {
    writer.text(route.shardUid);
    writer.text(route.copyId);
    writer.whole(route.term);
  }
  writeTypes(writer, types);
  for (let index = 0; index < batch.operations.length; index += 1) {
    const operation = batch.operations[index] as KeyOperation;
    writer.u16(routes.placeOf(index));
    writeOperation(
      writer,
      operation,
      types.placeOf(index),
      remainingMs?.[index] ?? operation.deadlineMs,
    );
  }
  return writer.finish();
}

/** The batch in a frame. Errors: `invalid_request` for anything that is not one. */
export function decodeBatch(frame: Buffer): KeyBatch {
  const refuse = refusal('invalid_request', 'The batch frame cannot be read');
  const reader = new FrameReader(frame, refuse);
  const count = readHeader(reader, KIND_BATCH, refuse);
  const head = {
    leaderEpoch: reader.whole(),
    routingVersion: reader.u32(),
    schemaVersion: reader.u32(),
  };
  const routes: Route[] = [];
  for (let left = reader.u16(); left > 0; left -= 1) {
    routes.push({
      shardUid: shardUid(reader.text()),
      copyId: copyId(reader.text()),
      term: term(reader.whole()),
    });
  }
  const types = readTypes(reader);
  const operations: KeyOperation[] = [];
  for (let index = 0; index < count; index += 1) {
    const route = routes[reader.u16()] ?? refuse('it names a copy that is not in its table');
    operations.push(readOperation(reader, route, types, refuse));
  }
  if (reader.remaining !== 0) refuse('bytes follow its end');
  return { ...head, operations };
}

/** The answers as bytes, in the order of the operations. */
export function encodeAnswers(answers: readonly KeyAnswer[]): Buffer {
  const types = new Table<string>((left, right) => left === right);
  let bytesMax = HEADER_BYTES;
  for (const answer of answers) {
    types.add(answer.contentType);
    bytesMax +=
      ITEM_BYTES_MAX +
      textBytesMax(answer.etag) +
      textBytesMax(answer.code) +
      textBytesMax(answer.detail) +
      (answer.value?.length ?? 0);
  }
  const writer = new FrameWriter(bytesMax + typesBytesMax(types));
  writeHeader(writer, KIND_ANSWERS, answers.length);
  writeTypes(writer, types);
  for (let index = 0; index < answers.length; index += 1) {
    writeAnswer(writer, answers[index] as KeyAnswer, types.placeOf(index));
  }
  return writer.finish();
}

/** The answers in a frame. Errors: `bad_node_answer` for anything that is not one. */
export function decodeAnswers(frame: Buffer): KeyAnswer[] {
  const refuse = refusal('bad_node_answer', "The node's answer cannot be read");
  const reader = new FrameReader(frame, refuse);
  const count = readHeader(reader, KIND_ANSWERS, refuse);
  const types = readTypes(reader);
  const answers: KeyAnswer[] = [];
  for (let index = 0; index < count; index += 1) answers.push(readAnswer(reader, types, refuse));
  if (reader.remaining !== 0) refuse('bytes follow its end');
  return answers;
}

function writeOperation(
  writer: FrameWriter,
  operation: KeyOperation,
  typePlace: number,
  deadlineMs: number,
): void {
  writer.u8(VERBS.indexOf(operation.verb));
  writer.u8(
    (operation.anyCopy === true ? OPERATION.anyCopy : 0) |
      (operation.callerOpId ? OPERATION.callerOpId : 0) |
      (operation.value === undefined ? 0 : OPERATION.value) |
      (operation.contentType === undefined ? 0 : OPERATION.contentType) |
      (operation.ttlMs === undefined ? 0 : OPERATION.ttl) |
      (operation.ifMatch === undefined ? 0 : OPERATION.ifMatch) |
      (operation.ifNoneMatch === undefined ? 0 : OPERATION.ifNoneMatch) |
      (operation.traceparent === undefined ? 0 : OPERATION.traceparent),
  );
  writer.u32(Math.max(0, Math.ceil(deadlineMs)));
  writer.text(operation.key);
  writer.text(operation.opId);
  writer.text(operation.requestId);
  if (operation.contentType !== undefined) writer.u16(typePlace);
  if (operation.ttlMs !== undefined) writer.whole(operation.ttlMs);
  if (operation.ifMatch !== undefined) writer.text(operation.ifMatch);
  if (operation.ifNoneMatch !== undefined) writer.text(operation.ifNoneMatch);
  if (operation.traceparent !== undefined) writer.text(operation.traceparent);
  if (operation.value !== undefined) writer.bytes(operation.value);
}

function readOperation(
  reader: FrameReader,
  route: Route,
  types: readonly string[],
  refuse: (reason: string) => never,
): KeyOperation {
  const verb = VERBS[reader.u8()] ?? refuse('it holds an unknown operation');
  const flags = reader.u8();
  const deadlineMs = reader.u32();
  const key = reader.text();
  const opId = reader.text();
  const requestId = reader.text();
  return {
    verb,
    shardUid: route.shardUid,
    copyId: route.copyId,
    term: route.term,
    key,
    opId,
    requestId,
    deadlineMs,
    anyCopy: (flags & OPERATION.anyCopy) !== 0,
    callerOpId: (flags & OPERATION.callerOpId) !== 0,
    // The order of these reads is the order in the frame.
    contentType:
      flags & OPERATION.contentType
        ? (types[reader.u16()] ?? refuse('it names a content-type that is not in its table'))
        : undefined,
    ttlMs: flags & OPERATION.ttl ? reader.whole() : undefined,
    ifMatch: flags & OPERATION.ifMatch ? reader.text() : undefined,
    ifNoneMatch: flags & OPERATION.ifNoneMatch ? reader.text() : undefined,
    traceparent: flags & OPERATION.traceparent ? reader.text() : undefined,
    value: flags & OPERATION.value ? reader.bytes() : undefined,
  };
}

function writeAnswer(writer: FrameWriter, answer: KeyAnswer, typePlace: number): void {
  writer.u16(answer.status);
  writer.u8(
    (answer.etag === undefined ? 0 : ANSWER.etag) |
      (answer.contentType === undefined ? 0 : ANSWER.contentType) |
      (answer.bytes === undefined ? 0 : ANSWER.bytes) |
      (answer.value === undefined ? 0 : ANSWER.value) |
      (answer.code === undefined ? 0 : ANSWER.code) |
      (answer.detail === undefined ? 0 : ANSWER.detail),
  );
  if (answer.etag !== undefined) writer.text(answer.etag);
  if (answer.contentType !== undefined) writer.u16(typePlace);
  if (answer.bytes !== undefined) writer.whole(answer.bytes);
  if (answer.code !== undefined) writer.text(answer.code);
  if (answer.detail !== undefined) writer.text(answer.detail);
  if (answer.value !== undefined) writer.bytes(answer.value);
}

function readAnswer(
  reader: FrameReader,
  types: readonly string[],
  refuse: (reason: string) => never,
): KeyAnswer {
  const status = reader.u16();
  if (status < 100 || status > 599) refuse('it holds an unknown status');
  const flags = reader.u8();
  return {
    status,
    etag: flags & ANSWER.etag ? reader.text() : undefined,
    contentType:
      flags & ANSWER.contentType
        ? (types[reader.u16()] ?? refuse('it names a content-type that is not in its table'))
        : undefined,
    bytes: flags & ANSWER.bytes ? reader.whole() : undefined,
    code: flags & ANSWER.code ? reader.text() : undefined,
    detail: flags & ANSWER.detail ? reader.text() : undefined,
    value: flags & ANSWER.value ? reader.bytes() : undefined,
  };
}

function operationBytesMax(operation: KeyOperation): number {
  return (
    ITEM_BYTES_MAX +
    (operation.key.length + operation.opId.length + operation.requestId.length) * 3 +
    textBytesMax(operation.ifMatch) +
    textBytesMax(operation.ifNoneMatch) +
    textBytesMax(operation.traceparent) +
    (operation.value?.length ?? 0)
  );
}

function writeHeader(writer: FrameWriter, kind: number, count: number): void {
  writer.u16(MAGIC);
  writer.u8(FRAME_VERSION);
  writer.u8(kind);
  writer.u32(count);
}

function readHeader(reader: FrameReader, kind: number, refuse: (reason: string) => never): number {
  if (reader.u16() !== MAGIC) refuse('it does not start as a frame does');
  if (reader.u8() !== FRAME_VERSION) refuse('its version is unknown');
  if (reader.u8() !== kind) refuse('it is of another kind');
  const count = reader.u32();
  return count <= FRAME_OPERATIONS_MAX
    ? count
    : refuse(`it holds more than ${FRAME_OPERATIONS_MAX} operations`);
}

function writeTypes(writer: FrameWriter, types: Table<string>): void {
  writer.u16(types.entries.length);
  for (const type of types.entries) writer.text(type);
}

function readTypes(reader: FrameReader): string[] {
  const types: string[] = [];
  for (let left = reader.u16(); left > 0; left -= 1) types.push(reader.text());
  return types;
}

function typesBytesMax(types: Table<string>): number {
  return types.entries.reduce((sum, type) => sum + textBytesMax(type), 2);
}

function refusal(
  code: 'invalid_request' | 'bad_node_answer',
  what: string,
): (reason: string) => never {
  return (reason) => {
    throw new ToruaError(code, `${what}: ${reason}.`);
  };
}

/** Distinct entries in the order of their first use, and which one each item has. Few entries, many items. */
class Table<Entry> {
  readonly entries: Entry[] = [];
  readonly #places: number[] = [];
  readonly #same: (left: Entry, right: Entry) => boolean;

  constructor(same: (left: Entry, right: Entry) => boolean) {
    this.#same = same;
  }

  add(entry: Entry | undefined): void {
    this.#places.push(entry === undefined ? 0 : this.#find(entry));
  }

  placeOf(item: number): number {
    return this.#places[item] as number;
  }

  #find(entry: Entry): number {
    for (let place = 0; place < this.entries.length; place += 1) {
      if (this.#same(this.entries[place] as Entry, entry)) return place;
    }
    return this.entries.push(entry) - 1;
  }
}
