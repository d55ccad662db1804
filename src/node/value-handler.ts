/** Large values on the node: from the stream into a durable blob and then a record; from the blob into a stream. */
import { Readable } from 'node:stream';
import type { ValueHandler } from '../http/value-routes.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import { asToruaError, ToruaError } from '../kernel/errors.ts';
import type { KeyAnswer, KeyBatch, KeyOperation } from '../protocol/key-operation.ts';
import { ETAG_DIGITS } from '../shard/etag.ts';
import type { OpenedBlob, ShardCopy } from '../shard/shard-copy.ts';
import { servingCopy } from './key-service.ts';
import type { NodeRuntime } from './node-runtime.ts';

/** Bytes read from a blob at once: bounds what a slow reader holds in memory. */
const PIECE_BYTES = 256 * 1024;

/** The handler of a node. */
export function valueHandler(node: NodeRuntime, valueBytesMax: number): ValueHandler {
  return {
    valueBytesMax,
    put: (batch, body) => answered(node, batch, (operation) => store(node, operation, body)),
    get: async (batch) => {
      const operation = only(batch);
      const opened: { body?: Readable } = {};
      const answer = await answered(node, batch, async () => {
        const copy = servingCopy(node.copies, operation, node.numShards);
        const read = await copy.read(operation);
        if (read.status !== 200 || operation.verb === 'head') return read;
        const { value, ...rest } = read;
        opened.body = value ? Readable.from([value]) : await openStream(copy, operation.key);
        return rest;
      });
      return { answer, body: opened.body };
    },
  };
}

async function store(
  node: NodeRuntime,
  operation: KeyOperation,
  body: Readable,
): Promise<KeyAnswer> {
  if (node.stored.current?.config.readOnly)
    throw new ToruaError('read_only', 'The cluster is read-only.');
  const copy = servingCopy(node.copies, operation, node.numShards);
  const contentType = operation.contentType ?? 'application/octet-stream';
  const writer = await copy.blobs.begin(contentType);
  try {
    for await (const chunk of body) await writer.write(chunk as Buffer);
  } catch (reason) {
    await writer.abort();
    throw reason;
  }
  const { blob, bytes, release } = await writer.finish();
  try {
    const { key, opId, callerOpId, ifMatch, ifNoneMatch, ttlMs, term } = operation;
    const stored = { contentType, etag: blob.slice(0, ETAG_DIGITS), bytes, blob };
    const conditions = { ifMatch, ifNoneMatch, ttlMs };
    const deadline = deadlineIn(node.world.clock, operation.deadlineMs);
    return await copy.write(
      { verb: 'put', key, opId, callerOpId, stored, ...conditions },
      term,
      deadline,
    );
  } finally {
    release();
  }
}

/** Lease before and after, load counted, refusals as answers: what the wrappers do for small operations. */
async function answered(
  node: NodeRuntime,
  batch: KeyBatch,
  work: (operation: KeyOperation) => Promise<KeyAnswer>,
): Promise<KeyAnswer> {
  const operation = only(batch);
  try {
    if (!operation.anyCopy) node.lease.check();
    const answer = await work(operation);
    if (!operation.anyCopy) node.lease.check();
    node.record(operation, answer.status);
    return answer;
  } catch (reason) {
    const error = asToruaError(reason);
    if (error.code === 'internal_error') throw reason;
    node.record(operation, error.definition.status);
    return { status: error.definition.status, code: error.code, detail: error.detail };
  }
}

function only(batch: KeyBatch): KeyOperation {
  const [operation] = batch.operations;
  if (!operation) throw new ToruaError('invalid_request', 'The request holds no operation.');
  return operation;
}

async function openStream(copy: ShardCopy, key: string): Promise<Readable> {
  const blob = await copy.openBlob(key);
  if (!blob)
    throw new ToruaError('shard_opening', 'The value was replaced while it was opened.', {
      retryAfterMs: 10,
    });
  return Readable.from(pieces(blob), { objectMode: false, highWaterMark: PIECE_BYTES });
}

async function* pieces(blob: OpenedBlob): AsyncGenerator<Buffer> {
  try {
    for (let at = 0; at < blob.bytes; ) {
      const piece = await blob.file.read(at, Math.min(PIECE_BYTES, blob.bytes - at));
      if (piece.length === 0)
        throw new ToruaError('invariant_broken', 'a blob is shorter than its record says');
      at += piece.length;
      yield piece;
    }
  } finally {
    await blob.file.close();
  }
}
