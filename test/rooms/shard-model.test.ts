/**
 * A copy against a map: random writes, conditions, repeats, range deletes, listings, sweeps, refusing stores, new bases,
 * restarts and power failures, also in the middle of a burst. What was acknowledged is there, and nothing else.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seq } from '../../src/kernel/ids.ts';
import type { KeyAnswer } from '../../src/protocol/key-operation.ts';
import { decodePut } from '../../src/shard/payload.ts';
import type { Write } from '../../src/shard/write.ts';
import { COPY_ID, etagOfText, ShardWorld, type ShardWorldOptions } from './shard-world.ts';

const KEYS = ['a', 'b', 'c', 'd/e', 'ß', '😀'];
const POISONED = 'poisoned';

type Burst = readonly { readonly key: string; readonly isDelete: boolean }[];
type Step =
  | {
      readonly do: 'put';
      readonly key: string;
      readonly condition: 'none' | 'present' | 'absent' | 'wrong';
      readonly ttlMs: number | undefined;
      readonly isKeyed: boolean;
      readonly isLarge: boolean;
    }
  | {
      readonly do: 'delete';
      readonly key: string;
      readonly condition: 'none' | 'present' | 'wrong';
      readonly isKeyed: boolean;
    }
  | { readonly do: 'deleteRange'; readonly start: string; readonly end: string }
  | { readonly do: 'burst'; readonly writes: Burst; readonly turns: number | undefined }
  | { readonly do: 'repeat'; readonly pick: number }
  | { readonly do: 'list'; readonly limit: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'drain' | 'crash' | 'restart' | 'compact' | 'sweep' | 'poison' | 'cure' };

const key = fc.constantFrom(...KEYS, POISONED);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      key,
      condition: fc.constantFrom(
        'none' as const,
        'none' as const,
        'present' as const,
        'absent' as const,
        'wrong' as const,
      ),
      ttlMs: fc.constantFrom(undefined, undefined, undefined, 100, 2_000),
      isKeyed: fc.boolean(),
      isLarge: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('delete' as const),
      key,
      condition: fc.constantFrom('none' as const, 'present' as const, 'wrong' as const),
      isKeyed: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('deleteRange' as const), start: key, end: key }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('burst' as const),
      writes: fc.array(fc.record({ key, isDelete: fc.boolean() }), { minLength: 1, maxLength: 12 }),
      turns: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('repeat' as const), pick: fc.nat(30) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('list' as const),
      limit: fc.integer({ min: 1, max: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 90, 300, 2_500),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'drain' as const,
        'crash' as const,
        'restart' as const,
        'compact' as const,
        'sweep' as const,
        'poison' as const,
        'cure' as const,
      ),
    }),
  },
);

interface Known {
  readonly value: string;
  readonly expiresAtMs: number;
}

/** Plays steps on a copy and on a map, and compares them after each. */
class Player {
  readonly world: ShardWorld;
  #model = new Map<string, Known>();
  readonly #done: { readonly write: Write; readonly answer: KeyAnswer }[] = [];
  #values = 0;

  constructor(options: ShardWorldOptions) {
    this.world = new ShardWorld(options);
  }

  async play(steps: readonly Step[]): Promise<void> {
    await this.world.format();
    await this.world.open();
    for (const next of steps) {
      await this.#play(next);
      await this.#compare();
    }
    this.world.faults.apply = undefined;
    await this.world.crashAndOpen();
    await this.#compare();
    await this.world.clock.run({ forMs: 60_000 });
    await this.#compare();
    expect(this.world.copy.backlog.rows).toBe(0);
  }

  async #play(next: Step): Promise<void> {
    const { world } = this;
    switch (next.do) {
      case 'put':
        return this.#put(next);
      case 'delete':
        return this.#delete(next);
      case 'deleteRange':
        return this.#deleteRange(next);
      case 'burst':
        return this.#burst(next.writes, next.turns);
      case 'repeat':
        return this.#repeat(next.pick);
      case 'list':
        expect(await world.patiently(() => world.keys(next.limit))).toEqual(this.#keys());
        return;
      case 'wait':
        await world.clock.run({ forMs: next.ms });
        return;
      case 'drain':
        await world.settle(world.copy.totals());
        return;
      case 'crash':
        await world.crashAndOpen();
        return;
      case 'restart':
        await world.close();
        await world.open();
        return;
      case 'compact':
        await world.settle(world.copy.compact());
        return;
      case 'sweep':
        await world.patiently(() =>
          world.settle(world.copy.sweepExpired(world.nextId(), world.deadline())),
        );
        await world.patiently(() => world.settle(world.copy.sweepBlobs()));
        return;
      case 'poison':
        world.faults.apply = (keys) => {
          if (keys.includes(POISONED)) throw new Error('the engine says no');
        };
        return;
      case 'cure':
        world.faults.apply = undefined;
    }
  }

  async #put(next: Step & { do: 'put' }): Promise<void> {
    const { world } = this;
    const present = this.#living(next.key);
    const value = this.#nextValue();
    const etag = present && etagOfText(present.value);
    const conditions = {
      none: {},
      present: { ifMatch: `"${etag ?? '0'}"` },
      absent: { ifNoneMatch: '*' },
      wrong: { ifMatch: '"00000000000000000000000000000000"' },
    };
    const id = next.isKeyed ? { opId: `key of ${value}`, callerOpId: true } : {};
    const parts = { ...conditions[next.condition], ...id, ttlMs: next.ttlMs };
    const write = world.putOf(next.key, value, parts);
    const answer = await this.#send(next.isLarge ? await this.#asBlob(write, value) : write);
    // Time may have passed while the write waited: what counts is what lived when it was decided.
    const isThere = this.#living(next.key) !== undefined;
    const holds = { none: true, present: isThere, absent: !isThere, wrong: false };
    if (!holds[next.condition]) {
      expect(answer).toMatchObject({ status: 412 });
      expect(answer.etag).toBe(isThere ? etag : undefined);
      return;
    }
    expect(answer).toMatchObject({ status: 204, etag: etagOfText(value) });
    const [record] = await world.settle(world.log.read(COPY_ID, seq(world.copy.lastSeq), 1));
    const put = record && decodePut(record.payload, false);
    expect(put?.key).toBe(next.key);
    this.#model.set(next.key, { value, expiresAtMs: put?.stored.expiresAtMs ?? 0 });
  }

  async #asBlob(write: Write, value: string): Promise<Write> {
    const { world } = this;
    const writer = await world.settle(world.copy.blobs.begin('text/plain'));
    await world.settle(writer.write(Buffer.from(value)));
    const { blob, bytes, release } = await world.settle(writer.finish());
    release();
    if (write.verb !== 'put') return write;
    return {
      ...write,
      stored: { contentType: 'text/plain', etag: blob.slice(0, 32), bytes, blob },
    };
  }

  async #delete(next: Step & { do: 'delete' }): Promise<void> {
    const present = this.#living(next.key);
    const etag = present && etagOfText(present.value);
    const ifMatch = { none: undefined, present: etag ?? '0', wrong: '0' }[next.condition];
    const opId = next.isKeyed ? `key of ${this.#nextValue()}` : this.world.nextId();
    const write: Write = { verb: 'delete', key: next.key, opId, callerOpId: next.isKeyed, ifMatch };
    const answer = await this.#send(write);
    const isThere = this.#living(next.key) !== undefined;
    const holds = next.condition === 'none' || (next.condition === 'present' && isThere);
    expect(answer).toMatchObject({ status: holds ? 204 : 412 });
    if (holds) this.#model.delete(next.key);
  }

  async #deleteRange({ start, end }: { start: string; end: string }): Promise<void> {
    const { world } = this;
    const operation = { opId: world.nextId(), callerOpId: false, term: world.copy.term };
    const deleting = () =>
      world.settle(world.copy.deletePage({ start, end }, operation, world.deadline()));
    const { detail = '' } = await world.patiently(deleting);
    const doomed = this.#keys().filter((other) => other >= start && other < end);
    expect(JSON.parse(detail)).toEqual({ deleted: doomed.length, next: null });
    for (const other of doomed) this.#model.delete(other);
  }

  /** Many writes at once; with `turns`, the power fails so many turns of the disk later. */
  async #burst(burst: Burst, turns: number | undefined): Promise<void> {
    const { world } = this;
    let acknowledged = 0;
    const writes = burst.map(({ key, isDelete }) => {
      const value = isDelete ? undefined : this.#nextValue();
      const started = value === undefined ? world.startDelete(key) : world.startPut(key, value);
      started.then(
        () => {
          acknowledged += 1;
        },
        () => {},
      );
      return { key, value, started };
    });
    if (turns === undefined) {
      await world.settle(Promise.all(writes.map(({ started }) => started)));
    } else {
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      await world.crashAndOpen();
    }
    // One log: what survived is a beginning of the burst, with everything acknowledged in it.
    const after = new Map(this.#model);
    const possible = [new Map(after)];
    for (const { key, value } of writes) {
      if (value === undefined) after.delete(key);
      else after.set(key, { value, expiresAtMs: 0 });
      possible.push(new Map(after));
    }
    const shown = await this.#shown();
    const found = possible.slice(turns === undefined ? -1 : acknowledged).reverse();
    this.#model = found.find((model) => this.#matches(model, shown)) ?? after;
  }

  async #repeat(pick: number): Promise<void> {
    const done = this.#done[pick % Math.max(1, this.#done.length)];
    if (!done) return;
    const { lastSeq } = this.world.copy;
    expect(await this.#send(done.write, false)).toEqual(done.answer);
    expect(this.world.copy.lastSeq).toBe(lastSeq);
  }

  async #send(write: Write, isFirst = true): Promise<KeyAnswer> {
    const { world } = this;
    const answer = await world.patiently(() =>
      world.settle(world.copy.write(write, world.copy.term, world.deadline())),
    );
    if (isFirst && answer.status === 204) this.#done.push({ write, answer });
    if (this.#done.length > 20) this.#done.shift();
    return answer;
  }

  async #compare(): Promise<void> {
    const shown = await this.#shown();
    for (const other of [...KEYS, POISONED])
      expect([other, shown.get(other)]).toEqual([other, this.#living(other)?.value]);
    expect(await this.world.patiently(() => this.world.keys())).toEqual(this.#keys());
  }

  async #shown(): Promise<Map<string, string>> {
    const { world } = this;
    const shown = new Map<string, string>();
    for (const other of [...KEYS, POISONED]) {
      const read = await world.patiently(() =>
        world.settle(world.copy.read({ verb: 'get', key: other })),
      );
      if (read.status !== 200) continue;
      const value =
        read.value?.toString() ?? (await world.patiently(() => world.getBlob(other))) ?? '';
      expect(read.etag).toBe(etagOfText(value));
      shown.set(other, value);
    }
    return shown;
  }

  #matches(model: ReadonlyMap<string, Known>, shown: ReadonlyMap<string, string>): boolean {
    return [...KEYS, POISONED].every(
      (other) => this.#livingIn(model, other)?.value === shown.get(other),
    );
  }

  #living(other: string): Known | undefined {
    return this.#livingIn(this.#model, other);
  }

  #livingIn(model: ReadonlyMap<string, Known>, other: string): Known | undefined {
    const known = model.get(other);
    const isOver =
      known && known.expiresAtMs !== 0 && known.expiresAtMs <= this.world.clock.wallMs();
    return isOver ? undefined : known;
  }

  #keys(): string[] {
    const keys = [...KEYS, POISONED].filter((other) => this.#living(other));
    return keys.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  }

  #nextValue(): string {
    this.#values += 1;
    return `value ${this.#values}`;
  }
}

// @req: kv.put.durable, kv.get.read-your-write, shard.write-order, shard.conditions, shard.apply.exactly-once
// @req: shard.apply.aside, shard.op-id.own, shard.op-id.caller, kv.list.cursor, shard.base.complete
test('whatever happens, a copy shows what a map would', async () => {
  const options = fc.record({
    seed: fc.nat(),
    cacheBytes: fc.constantFrom(0, 2_000, 1 << 20),
    baseLogBytes: fc.constantFrom(0, 500, 64 * 1024),
    memtable: fc.record({ rowsMax: fc.constantFrom(2, 5, 1_000) }),
    applier: fc.record({ rowsEager: fc.constantFrom(1, 3, 100) }),
    log: fc.record({
      segmentBytes: fc.constantFrom(600, 16_000),
      segmentAgeMsMin: fc.constant(60_000),
    }),
  });
  await fc.assert(
    fc.asyncProperty(options, fc.array(step, { minLength: 5, maxLength: 40 }), (world, steps) =>
      new Player(world).play(steps),
    ),
    { numRuns: 300 },
  );
});
