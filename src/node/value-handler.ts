/** Large values on the node: from the stream into a durable blob and then a record; from the blob into a stream. */
import { Readable } from 'node:stream';
import type { ValueHandler } from '../http/value-routes.ts';
import { type Deadline, deadlineIn } from '../kernel/deadline.ts';
import { asToruaError, ToruaError } from '../kernel/errors.ts';
import type { KeyAnswer, KeyBatch, KeyOperation } from '../protocol/key-operation.ts';
import { MEDIA_TYPES } from '../protocol/public.ts';
import { ETAG_DIGITS, valueHash } from '../shard/etag.ts';
import type { OpenedBlob, ShardCopy } from '../shard/shard-copy.ts';
import { servingCopy } from './key-service.ts';
import type { NodeRuntime } from './node-runtime.ts';

/** Bytes read from a blob at once: bounds what a slow reader holds in memory. */
const PIECE_BYTES = 256 * 1024;

/** An answer, and the value as a stream when it is one of 200 to a `get`. */
export interface StreamedAnswer {
  readonly answer: KeyAnswer;
  readonly body?: Readable | undefined;
}

/** The handler of a node. */
export function valueHandler(node: NodeRuntime, valueBytesMax: number): ValueHandler {
  return {
    valueBytesMax,
    put: async (batch, body) => {
      const operation = only(batch);
      const { answer } = await answered(node, operation, async () => {
        node.checkOrder(batch);
        return { answer: await storeValue(node, operation, body) };
      });
      return answer;
    },
    get: (batch) => {
      const operation = only(batch);
      return answered(node, operation, async () => {
        node.checkOrder(batch);
        return readValue(node, operation);
      });
    },
  };
}

/**
 * Stores a value that comes as a stream. Nothing is kept when the stream fails. Counted and leased by the caller.
 * Errors: those of `body` unchanged, `read_only`, those of `servingCopy`, the disk's.
 */
export async function storeValue(
  node: NodeRuntime,
  operation: KeyOperation,
  body: Readable,
): Promise<KeyAnswer> {
  node.checkWritable();
  const copy = servingCopy(node.copies, operation, node.numShards);
  const contentType = operation.contentType ?? MEDIA_TYPES.anyBytes;
  const { blob, bytes, release } = await blobOf(copy, contentType, body);
  try {
    const { key, opId, callerOpId, ifMatch, ifNoneMatch, ttlMs, term } = operation;
    const stored = { contentType, etag: blob.slice(0, ETAG_DIGITS), bytes, blob };
    const write = { key, opId, callerOpId, stored, ifMatch, ifNoneMatch, ttlMs };
    // Asked again: the upload may have taken minutes.
    node.checkWritable();
    return await copy.write({ ...write, verb: 'put' }, term, deadlineOf(node, operation));
  } finally {
    release();
  }
}

/** Reads a value of any size. Counted and leased by the caller. Errors: those of `servingCopy`. */
export async function readValue(
  node: NodeRuntime,
  operation: KeyOperation,
): Promise<StreamedAnswer> {
  const copy = servingCopy(node.copies, operation, node.numShards);
  const read = await copy.read(operation);
  if (read.status !== 200 || operation.verb === 'head') return { answer: read };
  const { value, ...answer } = read;
  if (value) return { answer, body: Readable.from([value]) };
  const opened = await copy.openBlob(operation.key);
  if (!opened) {
    throw new ToruaError('shard_opening', 'The value was replaced while it was opened.', {
      retryAfterMs: 10,
    });
  }
  // What was opened is what is sent: the key may have got another large value since it was looked up.
  const { etag, contentType, bytes } = opened;
  return { answer: { status: 200, etag, contentType, bytes }, body: streamOf(opened) };
}

async function blobOf(copy: ShardCopy, contentType: string, body: Readable) {
  const writer = await copy.blobs.begin(contentType);
  try {
    for await (const chunk of body) await writer.write(chunk as Buffer);
    return await writer.finish();
  } catch (reason) {
    await writer.abort();
    throw reason;
  }
}

/** Lease before and after, load counted, refusals as answers: what the wrappers do for small operations. */
async function answered(
  node: NodeRuntime,
  operation: KeyOperation,
  work: () => Promise<StreamedAnswer>,
): Promise<StreamedAnswer> {
  try {
    return await leased(node, operation, work);
  } catch (reason) {
    const error = asToruaError(reason);
    if (error.code === 'internal_error') throw reason;
    const { status } = error.definition;
    return { answer: { status, code: error.code, detail: error.detail } };
  }
}

/** Compares the lease with the clock before the work and again at the answer, and counts the operation. */
export async function leased(
  node: NodeRuntime,
  operation: KeyOperation,
  work: () => Promise<StreamedAnswer>,
): Promise<StreamedAnswer> {
  let body: Readable | undefined;
  try {
    if (!operation.anyCopy) node.lease.check();
    const answered = await work();
    body = answered.body;
    if (!operation.anyCopy) node.lease.check();
    node.record(operation, answered.answer.status);
    return answered;
  } catch (reason) {
    body?.destroy();
    node.record(operation, asToruaError(reason).definition.status);
    throw reason;
  }
}

function only(batch: KeyBatch): KeyOperation {
  const [operation] = batch.operations;
  if (!operation) throw new ToruaError('invalid_request', 'The request holds no operation.');
  return operation;
}

function deadlineOf(node: NodeRuntime, operation: KeyOperation): Deadline {
  return deadlineIn(node.world.clock, operation.deadlineMs);
}

/**
 * The blob as a stream that closes its file however it ends, also when nobody ever read from it. The last piece leaves
 * only when the whole matches the etag: a reader never has all bytes of a value whose file was damaged.
 */
function streamOf(blob: OpenedBlob): Readable {
  const hash = valueHash(blob.contentType);
  let at = 0;
  return new Readable({
    highWaterMark: PIECE_BYTES,
    read() {
      blob.file.read(at, Math.min(PIECE_BYTES, blob.bytes - at)).then(
        (piece) => {
          at += piece.length;
          hash.update(piece);
          const isLast = at === blob.bytes;
          if (!isLast && piece.length === 0) this.destroy(tooShort());
          else if (isLast && !hash.digest().startsWith(blob.etag)) this.destroy(damaged());
          else {
            if (piece.length > 0) this.push(piece);
            if (isLast) this.push(null);
          }
        },
        (reason: Error) => this.destroy(reason),
      );
    },
    destroy(error, done) {
      blob.file.close().then(
        () => done(error),
        (reason: Error) => done(error ?? reason),
      );
    },
  });
}

function tooShort(): ToruaError {
  return new ToruaError('invariant_broken', 'a blob is shorter than its record says');
}

function damaged(): ToruaError {
  return new ToruaError('storage_failed', 'The file of a value does not hold what was written.');
}
