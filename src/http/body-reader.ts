/**
 * Request bodies: collected, streamed, or whichever fits. Gzip is unpacked on the way and every limit counts unpacked
 * bytes, so a small bomb is refused like a large body. A body over the limit is read to its end (within a bound) before
 * it is refused: a client that still writes would not read the refusal.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ToruaError } from '../kernel/errors.ts';
import type { IdleWatch, Watched } from './idle-watch.ts';

/** How a route wants its body: whole, as a stream, or whole up to `inlineBytesMax` and else as a stream. */
export interface BodyPlan {
  readonly form: 'whole' | 'stream' | 'either';
  readonly bytesMax: number;
  readonly inlineBytesMax: number;
  readonly discardBytesMax: number;
  readonly watch: IdleWatch;
}

/** Takes the outcome: an error, or the body in the form the plan allows. */
export type BodyDone = (error: Error | null, body?: Buffer | Readable) => void;

/**
 * Reads a request's body. Errors: `value_too_large`, `unsupported_encoding`, `invalid_encoding`, `request_timed_out`;
 * a stream that was handed out fails with the same.
 */
export function readBody(
  payload: Readable,
  headers: IncomingHttpHeaders,
  plan: BodyPlan,
  done: BodyDone,
): void {
  const encoding = headers['content-encoding'];
  const plain = encoding === undefined || encoding === 'identity';
  if (!plain && encoding !== 'gzip' && encoding !== 'x-gzip') {
    const error = new ToruaError(
      'unsupported_encoding',
      `The content-encoding ${JSON.stringify(encoding.slice(0, 50))} is not supported; send gzip or none.`,
    );
    refuse(payload, headers, plan, error, done);
    return;
  }
  if (plain && Number(headers['content-length'] ?? 0) > plan.bytesMax) {
    refuse(payload, headers, plan, tooLarge(plan.bytesMax), done);
    return;
  }
  const source = plain ? payload : unpacked(payload);
  if (plan.form === 'stream') done(null, handOut(payload, source, plan, []));
  else new Collector(payload, source, headers, plan, done).start();
}

/** The refusal of a body over a limit, which it names. */
export function tooLarge(bytesMax: number): ToruaError {
  return new ToruaError('value_too_large', `The body is over the limit of ${bytesMax} bytes.`, {
    fields: { max_bytes: bytesMax },
  });
}

/** Not `pipeline`: that would end the connection with the unpacking, and nobody could read why. */
function unpacked(payload: Readable): Readable {
  const gunzip = createGunzip();
  payload.pipe(gunzip);
  payload.once('close', () => {
    if (!payload.readableEnded) gunzip.destroy(hungUp(undefined));
  });
  return gunzip;
}

/** Reads and drops what still comes, then reports the error; longer bodies are cut off by closing the connection. */
function refuse(
  payload: Readable,
  headers: IncomingHttpHeaders,
  plan: BodyPlan,
  error: ToruaError,
  done: BodyDone,
): void {
  let left = plan.discardBytesMax;
  if (payload.readableEnded || payload.destroyed || Number(headers['content-length'] ?? 0) > left) {
    done(error);
    return;
  }
  const subject: Watched = {
    progress: () => left,
    waitsForClient: () => true,
    giveUp: () => finish(),
  };
  const finish = (): void => {
    plan.watch.remove(subject);
    payload.off('data', drop).off('end', finish).off('close', finish);
    done(error);
  };
  const drop = (chunk: Buffer): void => {
    left -= chunk.length;
    if (left <= 0) finish();
  };
  plan.watch.add(subject);
  payload
    .on('data', drop)
    .on('end', finish)
    .on('close', finish)
    .on('error', () => {});
  payload.resume();
}

/** Collects a body; hands over to a stream when it passes the inline limit of an `either` plan. */
class Collector implements Watched {
  readonly #payload: Readable;
  readonly #source: Readable;
  readonly #headers: IncomingHttpHeaders;
  readonly #plan: BodyPlan;
  readonly #done: BodyDone;
  readonly #wholeMax: number;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(
    payload: Readable,
    source: Readable,
    headers: IncomingHttpHeaders,
    plan: BodyPlan,
    done: BodyDone,
  ) {
    this.#payload = payload;
    this.#source = source;
    this.#headers = headers;
    this.#plan = plan;
    this.#done = done;
    this.#wholeMax =
      plan.form === 'either' ? Math.min(plan.inlineBytesMax, plan.bytesMax) : plan.bytesMax;
  }

  start(): void {
    this.#plan.watch.add(this);
    this.#source
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('error', this.#onError)
      .on('close', this.#onClose);
  }

  progress(): number {
    return this.#length;
  }

  waitsForClient(): boolean {
    return true;
  }

  giveUp(): void {
    this.#stop();
    this.#done(stalled());
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#length += chunk.length;
    this.#chunks.push(chunk);
    if (this.#length <= this.#wholeMax) return;
    this.#stop();
    if (this.#plan.form === 'either' && this.#length <= this.#plan.bytesMax) {
      this.#source.pause();
      this.#done(null, handOut(this.#payload, this.#source, this.#plan, this.#chunks));
      return;
    }
    this.#chunks = [];
    if (this.#source !== this.#payload) {
      this.#source.on('error', () => {});
      this.#source.destroy();
    }
    refuse(this.#payload, this.#headers, this.#plan, tooLarge(this.#plan.bytesMax), this.#done);
  };

  readonly #onEnd = (): void => {
    this.#stop();
    this.#done(
      null,
      this.#chunks.length === 1
        ? (this.#chunks[0] as Buffer)
        : Buffer.concat(this.#chunks, this.#length),
    );
  };

  readonly #onError = (cause: Error): void => {
    this.#stop();
    if (this.#source === this.#payload) this.#done(hungUp(cause));
    else refuse(this.#payload, this.#headers, this.#plan, unreadable(cause), this.#done);
  };

  readonly #onClose = (): void => {
    this.#stop();
    this.#done(hungUp(undefined));
  };

  #stop(): void {
    this.#plan.watch.remove(this);
    this.#source
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onClose);
  }
}

/** The body as a stream that counts: what was read already comes first, too much or too slow ends it with our error. */
function handOut(
  payload: Readable,
  source: Readable,
  plan: BodyPlan,
  head: readonly Buffer[],
): Readable {
  let length = 0;
  const counted = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      length += chunk.length;
      if (length <= plan.bytesMax) done(null, chunk);
      else done(tooLarge(plan.bytesMax));
    },
  });
  const subject: Watched = {
    progress: () => length,
    waitsForClient: () =>
      !counted.writableNeedDrain && source.readableLength === 0 && payload.readableLength === 0,
    giveUp: () => counted.destroy(stalled()),
  };
  plan.watch.add(subject);
  for (const chunk of head) counted.write(chunk);
  source.on('error', (cause) =>
    counted.destroy(source === payload ? hungUp(cause) : unreadable(cause)),
  );
  counted.on('close', () => {
    plan.watch.remove(subject);
    // What the handler did not want is dropped, so that the client gets to read the answer.
    source.unpipe(counted);
    source.resume();
    payload.resume();
  });
  // Whoever reads it gets the error; until somebody does it must not end the process.
  counted.on('error', () => {});
  source.pipe(counted);
  return counted;
}

function stalled(): ToruaError {
  return new ToruaError('request_timed_out', 'The body stopped coming.');
}

function hungUp(cause: Error | undefined): ToruaError {
  return new ToruaError('invalid_request', 'The connection ended before the body did.', { cause });
}

function unreadable(cause: Error): ToruaError {
  if (cause instanceof ToruaError) return cause;
  return new ToruaError('invalid_encoding', `The body is not valid gzip: ${cause.message}.`, {
    cause,
  });
}
