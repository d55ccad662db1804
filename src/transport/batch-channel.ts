/**
 * The batcher, one per node and lane: operations collect while batches are out and leave together at the end of the
 * turn. No timer delays them: a 1 ms timer lost in every measurement. Needs a wire and a clock only, so the
 * simulation runs it as it ships.
 */
import { BoundedQueue } from '../kernel/bounded-queue.ts';
import type { Clock, Timer } from '../kernel/clock.ts';
import { type Deadline, deadlineIn } from '../kernel/deadline.ts';
import { asToruaError, ToruaError } from '../kernel/errors.ts';
import { decodeAnswers, encodeBatch, FRAME_CONTENT_TYPE } from '../protocol/frame.ts';
import type { KeyAnswer, KeyBatch, KeyOperation } from '../protocol/key-operation.ts';
import { INTERNAL_PATHS } from '../protocol/messages.ts';
import { problemFromAnswer } from './problem-answer.ts';
import type { Wire } from './wire.ts';

/** Versions under which operations were planned; those of one batch share them. One object per cluster state. */
export type KeyPlan = Pick<KeyBatch, 'leaderEpoch' | 'routingVersion' | 'schemaVersion'>;

/** Bounds of one lane. */
export interface LaneLimits {
  readonly batchesInFlightMax: number;
  readonly batchOperationsMax: number;
  readonly batchBytesMax: number;
  /** Operations that may wait; the next one is `too_many_requests`. */
  readonly queueOperationsMax: number;
  readonly queueBytesMax: number;
}

/** Production's bounds. Source: data-path measurements. */
export const LANE_LIMITS: LaneLimits = {
  batchesInFlightMax: 2,
  batchOperationsMax: 512,
  batchBytesMax: 1024 * 1024,
  queueOperationsMax: 10_000,
  queueBytesMax: 64 * 1024 * 1024,
};

/** Told of each batch that leaves. */
export interface LaneMeter {
  batch(operations: number, bytes: number): void;
}

/** What a lane is made of. */
export interface BatchChannelOptions {
  readonly wire: Wire;
  readonly clock: Clock;
  /** The node's base URL. */
  readonly address: string;
  readonly limits?: Partial<LaneLimits> | undefined;
  readonly meter?: LaneMeter | undefined;
}

/** One lane to one node. */
export interface BatchChannel {
  /**
   * The node's answer to one operation. `operation.deadlineMs` is replaced by what remains of the deadline when it
   * leaves. Errors: `too_many_requests` (the lane is full), and with `sent` among their fields (false: the node cannot
   * have acted) `deadline_exceeded`, `node_unreachable`, `bad_node_answer` and whatever the node says of the batch.
   */
  submit(operation: KeyOperation, plan: KeyPlan, deadline: Deadline): Promise<KeyAnswer>;
  /** Operations that wait for a batch. */
  readonly queued: number;
  /** Refuses what waits and what still comes with `node_unreachable`; batches that are out end as they will. */
  close(): void;
}

interface Entry {
  readonly operation: KeyOperation;
  readonly plan: KeyPlan;
  readonly endsAtMs: number;
  readonly bytes: number;
  readonly resolve: (answer: KeyAnswer) => void;
  readonly reject: (error: ToruaError) => void;
  state: 'queued' | 'sent' | 'settled';
}

/** Bytes of an operation besides key and value, for the batch's bound. */
const OPERATION_OVERHEAD_BYTES = 160;

/** A lane; nothing is sent before the first operation. */
export function createBatchChannel(options: BatchChannelOptions): BatchChannel {
  return new Lane(options);
}

class Lane implements BatchChannel {
  readonly #options: BatchChannelOptions;
  readonly #limits: LaneLimits;
  readonly #queue: BoundedQueue<Entry>;
  readonly #out = new Set<Entry[]>();
  #queuedBytes = 0;
  #scheduled = false;
  #closed = false;
  #alarm: { readonly atMs: number; readonly timer: Timer } | undefined;

  constructor(options: BatchChannelOptions) {
    this.#options = options;
    this.#limits = { ...LANE_LIMITS, ...options.limits };
    this.#queue = new BoundedQueue(this.#limits.queueOperationsMax);
  }

  get queued(): number {
    return this.#queue.length;
  }

  submit(operation: KeyOperation, plan: KeyPlan, deadline: Deadline): Promise<KeyAnswer> {
    return new Promise((resolve, reject) => {
      const endsAtMs = this.#options.clock.monotonicMs() + deadline.remainingMs();
      const bytes =
        OPERATION_OVERHEAD_BYTES + operation.key.length + (operation.value?.length ?? 0);
      const entry: Entry = { operation, plan, endsAtMs, bytes, resolve, reject, state: 'queued' };
      const refusal = this.#refusal(entry);
      if (refusal !== undefined || !this.#queue.offer(entry)) {
        reject(refusal ?? this.#full());
        return;
      }
      this.#queuedBytes += bytes;
      this.#wakeBy(endsAtMs);
      this.#schedule();
    });
  }

  close(): void {
    this.#closed = true;
    for (let entry = this.#queue.take(); entry !== undefined; entry = this.#queue.take()) {
      this.#fail(entry, this.#gone());
    }
    this.#queuedBytes = 0;
  }

  #refusal(entry: Entry): ToruaError | undefined {
    if (this.#closed) return this.#gone();
    return this.#queuedBytes + entry.bytes > this.#limits.queueBytesMax ? this.#full() : undefined;
  }

  #full(): ToruaError {
    return new ToruaError(
      'too_many_requests',
      `${this.queued} operations (${this.#queuedBytes} bytes) wait for ${this.#options.address} already.`,
      {
        retryAfterMs: 1_000,
        fields: { sent: false },
      },
    );
  }

  #gone(): ToruaError {
    return new ToruaError(
      'node_unreachable',
      `The channel to ${this.#options.address} is closed.`,
      { fields: { sent: false } },
    );
  }

  #schedule(): void {
    if (this.#scheduled || this.#out.size >= this.#limits.batchesInFlightMax) return;
    this.#scheduled = true;
    this.#options.clock.soon(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#queue.length > 0 && this.#out.size < this.#limits.batchesInFlightMax) {
      const entries = this.#nextBatch();
      if (entries.length > 0) void this.#exchange(entries);
    }
  }

  /** The oldest operations that share a plan, up to the bounds; settled ones are dropped on the way. */
  #nextBatch(): Entry[] {
    const entries: Entry[] = [];
    const nowMs = this.#options.clock.monotonicMs();
    let bytes = 0;
    for (let entry = this.#queue.peek(); entry !== undefined; entry = this.#queue.peek()) {
      const first = entries[0];
      const fits =
        entries.length < this.#limits.batchOperationsMax &&
        bytes + entry.bytes <= this.#limits.batchBytesMax;
      if (first !== undefined && (!fits || !samePlan(first.plan, entry.plan))) break;
      this.#queue.take();
      this.#queuedBytes -= entry.bytes;
      if (entry.endsAtMs <= nowMs) this.#fail(entry, this.#late(entry));
      if (entry.state === 'settled') continue;
      bytes += entry.bytes;
      entries.push(entry);
    }
    return entries;
  }

  async #exchange(entries: Entry[]): Promise<void> {
    this.#out.add(entries);
    for (const entry of entries) entry.state = 'sent';
    try {
      const answers = await this.#send(entries);
      for (let index = 0; index < entries.length; index += 1) {
        const entry = entries[index] as Entry;
        if (entry.state === 'settled') continue;
        entry.state = 'settled';
        entry.resolve(answers[index] as KeyAnswer);
      }
    } catch (thrown) {
      const error = asToruaError(thrown);
      for (const entry of entries) this.#fail(entry, error);
    } finally {
      this.#out.delete(entries);
      if (this.#queue.length > 0) this.#schedule();
    }
  }

  async #send(entries: readonly Entry[]): Promise<KeyAnswer[]> {
    const { wire, clock, address, meter } = this.#options;
    const nowMs = clock.monotonicMs();
    const remainingMs = entries.map(({ endsAtMs }) => endsAtMs - nowMs);
    const plan = (entries[0] as Entry).plan;
    const body = encodeBatch(
      { ...plan, operations: entries.map(({ operation }) => operation) },
      remainingMs,
    );
    meter?.batch(entries.length, body.length);
    const answer = await wire.send(
      {
        address,
        method: 'POST',
        path: INTERNAL_PATHS.batch,
        body,
        contentType: FRAME_CONTENT_TYPE,
      },
      deadlineIn(
        clock,
        remainingMs.reduce((longest, time) => Math.max(longest, time), 0),
      ),
    );
    if (answer.status !== 200) throw problemFromAnswer(answer, address);
    const answers = decodeAnswers(answer.body);
    if (answers.length === entries.length) return answers;
    throw new ToruaError(
      'bad_node_answer',
      `${address} answered ${answers.length} of ${entries.length} operations.`,
      { fields: { sent: true } },
    );
  }

  #fail(entry: Entry, error: ToruaError): void {
    if (entry.state === 'settled') return;
    entry.state = 'settled';
    entry.reject(error);
  }

  /** One timer for the earliest deadline serves all: deadlines are long, so it hardly ever rings. */
  #wakeBy(endsAtMs: number): void {
    if (this.#alarm !== undefined && this.#alarm.atMs <= endsAtMs) return;
    this.#alarm?.timer.cancel();
    const delayMs = Math.max(0, endsAtMs - this.#options.clock.monotonicMs());
    this.#alarm = {
      atMs: endsAtMs,
      timer: this.#options.clock.after(delayMs, () => this.#expire()),
    };
  }

  #expire(): void {
    this.#alarm = undefined;
    const nowMs = this.#options.clock.monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    for (const entry of this.#waiting()) {
      if (entry.state === 'settled') continue;
      if (entry.endsAtMs > nowMs) next = Math.min(next, entry.endsAtMs);
      else this.#fail(entry, this.#late(entry));
    }
    if (next < Number.POSITIVE_INFINITY) this.#wakeBy(next);
  }

  *#waiting(): Iterable<Entry> {
    for (const entries of this.#out) yield* entries;
    yield* this.#queue.items();
  }

  #late(entry: Entry): ToruaError {
    const sent = entry.state === 'sent';
    const where = sent ? 'waiting for the answer of' : 'waiting in the queue to';
    return new ToruaError(
      'deadline_exceeded',
      `The time for this request was over while ${where} ${this.#options.address}.`,
      { fields: { sent } },
    );
  }
}

function samePlan(left: KeyPlan, right: KeyPlan): boolean {
  return (
    left === right ||
    (left.leaderEpoch === right.leaderEpoch &&
      left.routingVersion === right.routingVersion &&
      left.schemaVersion === right.schemaVersion)
  );
}
