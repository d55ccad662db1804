import { expect, test } from 'vitest';
import type { Clock } from '../kernel/clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import { copyId, shardUid, term } from '../kernel/ids.ts';
import { decodeBatch, encodeAnswers } from '../protocol/frame.ts';
import type { KeyBatch, KeyOperation } from '../protocol/key-operation.ts';
import { createBatchChannel, type KeyPlan, type LaneLimits } from './batch-channel.ts';
import { createNodeChannel } from './node-channel.ts';
import type { Wire, WireAnswer } from './wire.ts';

/** Time and turns moved by hand. */
class ManualClock implements Clock {
  now = 0;
  #tasks: { atMs: number; task: () => void }[] = [];
  #soon: (() => void)[] = [];

  wallMs(): number {
    return this.now;
  }

  monotonicMs(): number {
    return this.now;
  }

  after(delayMs: number, task: () => void): { cancel(): void } {
    const entry = { atMs: this.now + delayMs, task };
    this.#tasks.push(entry);
    return {
      cancel: () => {
        this.#tasks = this.#tasks.filter((other) => other !== entry);
      },
    };
  }

  soon(task: () => void): void {
    this.#soon.push(task);
  }

  /** Ends this turn: runs what was put off, and lets promises settle. */
  async turn(): Promise<void> {
    const due = this.#soon;
    this.#soon = [];
    for (const task of due) task();
    for (let round = 0; round < 20; round += 1) await Promise.resolve();
  }

  advance(ms: number): void {
    this.now += ms;
    const due = this.#tasks.filter(({ atMs }) => atMs <= this.now);
    this.#tasks = this.#tasks.filter(({ atMs }) => atMs > this.now);
    for (const { task } of due) task();
  }
}

/** A wire whose answers the test gives. */
class HandWire implements Wire {
  readonly sent: {
    batch: KeyBatch;
    budgetMs: number;
    answer: (answer: WireAnswer) => void;
    fail: (error: Error) => void;
  }[] = [];

  send(
    request: { body?: Buffer | undefined },
    deadline: { remainingMs(): number },
  ): Promise<WireAnswer> {
    return new Promise((resolve, reject) => {
      this.sent.push({
        batch: decodeBatch(request.body as Buffer),
        budgetMs: deadline.remainingMs(),
        answer: resolve,
        fail: reject,
      });
    });
  }

  /** Answers the `place`th batch with 204 and each key as its etag. */
  acknowledge(place: number): void {
    const batch = this.sent[place]?.batch as KeyBatch;
    this.sent[place]?.answer({
      status: 200,
      body: encodeAnswers(batch.operations.map(({ key }) => ({ status: 204, etag: key }))),
    });
  }
}

const PLAN: KeyPlan = { leaderEpoch: 1, routingVersion: 1, schemaVersion: 0 };

const operation = (key: string, more: Partial<KeyOperation> = {}): KeyOperation => ({
  verb: 'put',
  shardUid: shardUid('0000000000000001'),
  copyId: copyId('0000000000000002'),
  term: term(1),
  key,
  opId: key,
  callerOpId: false,
  deadlineMs: 0,
  requestId: 'r',
  value: Buffer.from('v'),
  ...more,
});

function lane(limits: Partial<LaneLimits> = {}) {
  const clock = new ManualClock();
  const wire = new HandWire();
  const channel = createBatchChannel({ wire, clock, address: 'http://n1', limits });
  const submit = (key: string, budgetMs = 1_000, plan = PLAN) =>
    channel.submit(operation(key), plan, deadlineIn(clock, budgetMs));
  return { clock, wire, channel, submit };
}

const keysOf = (wire: HandWire, place: number) =>
  wire.sent[place]?.batch.operations.map(({ key }) => key);

// @req: kv.batched
test('operations of one turn leave together, and each gets its own answer', async () => {
  const { clock, wire, submit } = lane();
  const answers = Promise.all([submit('a'), submit('b'), submit('c')]);
  expect(wire.sent).toHaveLength(0);
  await clock.turn();
  expect(keysOf(wire, 0)).toEqual(['a', 'b', 'c']);
  wire.acknowledge(0);
  expect((await answers).map(({ etag }) => etag)).toEqual(['a', 'b', 'c']);
});

// @req: kv.batched
test('while two batches are out operations collect, and leave when one comes back', async () => {
  const { clock, wire, submit } = lane();
  const waiting: Promise<unknown>[] = [];
  for (const key of ['a', 'b', 'c', 'd']) {
    waiting.push(submit(key));
    await clock.turn();
  }
  expect(wire.sent).toHaveLength(2);
  wire.acknowledge(1);
  await clock.turn();
  await clock.turn();
  expect(keysOf(wire, 2)).toEqual(['c', 'd']);
  wire.acknowledge(0);
  wire.acknowledge(2);
  await Promise.all(waiting);
});

test('no more batches than allowed leave in one turn', async () => {
  const { clock, wire, submit } = lane({ batchOperationsMax: 1 });
  const all = ['a', 'b', 'c'].map((key) => submit(key));
  await clock.turn();
  expect(wire.sent).toHaveLength(2);
  wire.acknowledge(0);
  await clock.turn();
  await clock.turn();
  wire.acknowledge(1);
  wire.acknowledge(2);
  await Promise.all(all);
});

test('no batch passes its bounds in operations or bytes', async () => {
  const { clock, wire, submit, channel } = lane({
    batchOperationsMax: 2,
    batchesInFlightMax: 10,
    batchBytesMax: 1_000,
  });
  const small = ['a', 'b', 'c'].map((key) => submit(key));
  const large = [1, 2].map((index) =>
    channel.submit(
      operation(`L${index}`, { value: Buffer.alloc(800) }),
      PLAN,
      deadlineIn(clock, 1_000),
    ),
  );
  await clock.turn();
  expect(wire.sent.map((_, place) => keysOf(wire, place))).toEqual([
    ['a', 'b'],
    ['c'],
    ['L1'],
    ['L2'],
  ]);
  for (const place of wire.sent.keys()) wire.acknowledge(place);
  await Promise.all([...small, ...large]);
});

test('operations planned under different versions never share a batch', async () => {
  const { clock, wire, submit } = lane({ batchesInFlightMax: 10 });
  const all = [
    submit('a'),
    submit('b', 1_000, { ...PLAN, routingVersion: 2 }),
    submit('c', 1_000, { ...PLAN, routingVersion: 2 }),
  ];
  await clock.turn();
  expect(wire.sent.map((_, place) => keysOf(wire, place))).toEqual([['a'], ['b', 'c']]);
  expect(wire.sent.map(({ batch }) => batch.routingVersion)).toEqual([1, 2]);
  wire.acknowledge(0);
  wire.acknowledge(1);
  await Promise.all(all);
});

test('an operation over the bound of the queue is refused at once with 429 and retry-after', async () => {
  const { clock, wire, submit } = lane({ queueOperationsMax: 2 });
  const taken = [submit('a'), submit('b')];
  await expect(submit('c')).rejects.toMatchObject({
    code: 'too_many_requests',
    retryAfterMs: 1_000,
    fields: { sent: false },
  });
  await clock.turn();
  wire.acknowledge(0);
  await Promise.all(taken);
});

test('the queue is bounded in bytes too, and what left no longer counts', async () => {
  const { clock, wire, submit } = lane({ queueBytesMax: 400 });
  const first = [submit('a'), submit('b')];
  await expect(submit('c')).rejects.toMatchObject({ code: 'too_many_requests' });
  await clock.turn();
  const second = submit('d');
  await clock.turn();
  wire.acknowledge(0);
  wire.acknowledge(1);
  await Promise.all([...first, second]);
});

test('time spent in the queue is taken from the deadline that the node sees', async () => {
  const { clock, wire, submit } = lane({ batchesInFlightMax: 1 });
  const first = submit('a', 5_000);
  await clock.turn();
  const second = submit('b', 1_000);
  clock.advance(300);
  wire.acknowledge(0);
  await clock.turn();
  await clock.turn();
  expect(wire.sent[1]?.batch.operations[0]?.deadlineMs).toBe(700);
  expect(wire.sent[1]?.budgetMs).toBe(700);
  wire.acknowledge(1);
  await Promise.all([first, second]);
});

test('a deadline in the queue fails that operation as unsent, and it never leaves', async () => {
  const { clock, wire, submit } = lane({ batchesInFlightMax: 1 });
  const first = submit('a', 5_000);
  await clock.turn();
  const late = expect(submit('b', 100)).rejects.toMatchObject({
    code: 'deadline_exceeded',
    fields: { sent: false },
  });
  const other = submit('c', 5_000);
  clock.advance(101);
  await late;
  wire.acknowledge(0);
  await clock.turn();
  await clock.turn();
  expect(keysOf(wire, 1)).toEqual(['c']);
  wire.acknowledge(1);
  await Promise.all([first, other]);
});

test('a deadline while its batch is out fails that operation alone, as sent', async () => {
  const { clock, wire, submit } = lane();
  const patient = submit('a', 5_000);
  const late = expect(submit('b', 100)).rejects.toMatchObject({
    code: 'deadline_exceeded',
    fields: { sent: true },
  });
  await clock.turn();
  clock.advance(101);
  await late;
  wire.acknowledge(0);
  expect((await patient).etag).toBe('a');
});

test('a lost batch fails each of its operations with the error of the wire', async () => {
  const { clock, wire, submit } = lane();
  const results = Promise.allSettled([submit('a'), submit('b')]);
  await clock.turn();
  wire.sent[0]?.fail(new ToruaError('node_unreachable', 'gone', { fields: { sent: true } }));
  for (const result of await results) {
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { code: 'node_unreachable', fields: { sent: true } },
    });
  }
});

test('garbage, a wrong number of answers and an unknown problem are bad_node_answer', async () => {
  const bodies: WireAnswer[] = [
    { status: 200, body: Buffer.from('<html>') },
    { status: 200, body: encodeAnswers([]) },
    { status: 500, body: Buffer.from('oops') },
    { status: 418, body: Buffer.from('{"code":"teapot"}') },
  ];
  for (const body of bodies) {
    const { clock, wire, submit } = lane();
    const result = expect(submit('a')).rejects.toMatchObject({ code: 'bad_node_answer' });
    await clock.turn();
    wire.sent[0]?.answer(body);
    await result;
  }
});

test('a problem that the node reports for the batch reaches each operation with its code and fields', async () => {
  const { clock, wire, submit } = lane();
  const result = expect(submit('a')).rejects.toMatchObject({
    code: 'stale_epoch',
    detail: 'older',
    fields: { leader_epoch: 4 },
  });
  await clock.turn();
  wire.sent[0]?.answer({
    status: 409,
    body: Buffer.from('{"code":"stale_epoch","detail":"older","leader_epoch":4,"status":409}'),
  });
  await result;
});

test('a closed channel refuses what waits and what comes, and lets batches that are out end', async () => {
  const { clock, wire, submit, channel } = lane({ batchesInFlightMax: 1 });
  const out = submit('a');
  await clock.turn();
  const waiting = expect(submit('b')).rejects.toMatchObject({
    code: 'node_unreachable',
    fields: { sent: false },
  });
  channel.close();
  await waiting;
  await expect(submit('c')).rejects.toMatchObject({ code: 'node_unreachable' });
  wire.acknowledge(0);
  expect((await out).etag).toBe('a');
});

test('reads do not stand behind writes: a node has a lane for each', async () => {
  const clock = new ManualClock();
  const wire = new HandWire();
  const node = createNodeChannel({
    wire,
    clock,
    address: 'http://n1',
    limits: { batchesInFlightMax: 1 },
  });
  const put = node.submit(operation('a'), PLAN, deadlineIn(clock, 1_000));
  await clock.turn();
  const get = node.submit(
    operation('b', { verb: 'get', value: undefined }),
    PLAN,
    deadlineIn(clock, 1_000),
  );
  await clock.turn();
  expect(wire.sent).toHaveLength(2);
  wire.acknowledge(1);
  expect((await get).etag).toBe('b');
  wire.acknowledge(0);
  await put;
});
