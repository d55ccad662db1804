/**
 * A seeded story of one log: appends, truncations, drops, retention, full disks, failing syncs, kills and power
 * failures at random calls of the disk. After every restart the log must stand exactly where a prefix of the appends
 * would have brought it, all acknowledged ones included; and it must never believe that it was damaged.
 */
import { strict as assert } from 'node:assert';
import { asToruaError } from '../../src/kernel/errors.ts';
import { seq } from '../../src/kernel/ids.ts';
import type { NodeLog } from '../../src/log/log.ts';
import { type LogRecord, RECORD_KIND } from '../../src/log/log-record.ts';
import { copyOf, dropOf, LogWorld, recordOf, truncateOf } from './log-world.ts';
import type { SyncCall } from './sim-disk.ts';
import { type SimRandom, simRandom } from './sim-random.ts';

/** What a copy should hold. */
interface ModelCopy {
  lastSeq: number;
  lastTerm: number;
  readonly records: Map<number, LogRecord>;
}

/** How a story is told. */
export interface CrashStory {
  readonly seed: number;
  readonly lives?: number | undefined;
  /** See `SimDisk.syncFilter`. */
  readonly syncFilter?: ((call: SyncCall) => boolean) | undefined;
}

/** Tells the story; throws when the log breaks a promise. */
export async function playCrashStory(story: CrashStory): Promise<void> {
  const player = new Player(story);
  await player.world.format();
  player.world.disk.syncFilter = story.syncFilter;
  for (let life = 0; life < (story.lives ?? 8); life += 1) await player.live();
  await player.lastLife();
}

class Player {
  readonly world: LogWorld;
  readonly #random: SimRandom;
  /** Appends in the order of their calls that are, or may be, in the log. */
  #pieces: { readonly records: readonly LogRecord[] }[] = [];
  #acknowledged = 0;
  readonly #bases = new Map<number, number>();
  /** Copies that are written; a dropped one is replaced by a new one, ids are never used twice. */
  #copies = [1, 2, 3];
  #copiesEver = 3;
  #isOver = false;
  #problem: unknown;

  constructor(story: CrashStory) {
    this.#random = simRandom(story.seed * 7 + 1);
    this.world = new LogWorld({
      seed: story.seed,
      hasReserve: this.#random.chance(0.5),
      limits: {
        segmentBytes: 1_500 + this.#random.integer(3_000),
        roomBytes: this.#random.pick([0, 700, 3_000]),
        groupBytesMax: 200 + this.#random.integer(1_000),
        idleBatchDelayMs: 5,
        segmentAgeMsMin: 20,
        reserveBytes: 600,
        freeBytesMin: 1_200,
        fullCheckMs: 10,
      },
    });
  }

  /** One process: opens, is checked, works, and ends in some ungentle way. */
  async live(): Promise<void> {
    const { disk, clock } = this.world;
    this.#isOver = false;
    const callsLeft = this.#random.pick([5, 14, 20, 60, 200]);
    let fuse = 1 + this.#random.integer(callsLeft);
    // The instants between a write and its sync are few, so half of the lives end there.
    const endsAtSync = this.#random.chance(0.5);
    disk.beforeCall = ({ kind }) => {
      fuse -= 1;
      if (fuse <= 0 && (!endsAtSync || kind === 'sync')) this.#end();
    };
    disk.syncFails = this.#random.chance(0.05) ? () => this.#random.chance(0.05) : undefined;
    let log: NodeLog | undefined;
    try {
      log = await this.world.open();
    } catch (error) {
      assert.ok(this.#isOver || disk.syncFails !== undefined, `opening failed: ${String(error)}`);
    }
    if (log && !this.#isOver) {
      log.onFailure(() => this.#end());
      await this.#check(log);
      while (!this.#isOver) await this.#step(log);
    }
    if (!this.#isOver) this.#end();
    disk.beforeCall = undefined;
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await clock.run({ forMs: 1 });
  }

  /** A process that nothing happens to. */
  async lastLife(): Promise<void> {
    this.world.disk.syncFails = undefined;
    const log = await this.world.open();
    await this.#check(log);
    await this.world.settle(log.close());
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#random.chance(0.4)) this.world.kill();
    else this.world.crash();
  }

  async #step(log: NodeLog): Promise<void> {
    if (this.#problem !== undefined) throw this.#problem;
    const { clock } = this.world;
    const dice = this.#random.float();
    if (dice < 0.6) this.#append(log);
    else if (dice < 0.75) await clock.run({ forMs: this.#random.pick([0, 1, 8, 30]) });
    else if (dice < 0.83) this.#retain(log);
    else if (dice < 0.87) this.#squeeze();
    else await clock.run({ isDone: () => this.#random.chance(0.3) || this.#isOver });
  }

  /** Leaves little space on the disk, or plenty again. */
  #squeeze(): void {
    const { disk } = this.world;
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    if (this.#random.chance(0.6)) return;
    disk.capacityBytes = 0;
    const used = usedBytes(this.world);
    disk.capacityBytes = used + this.#random.integer(500);
  }

  #retain(log: NodeLog): void {
    const model = stateAfter(this.#pieces);
    for (let copy = 1; copy <= this.#copiesEver; copy += 1) {
      const position = log.position(copyOf(copy));
      // A base holds committed records only, and those are never truncated.
      const certain = Math.min(position?.lastSeq ?? 0, model.get(copyOf(copy))?.lastSeq ?? 0);
      if (certain === 0) continue;
      const base = Math.max(this.#bases.get(copy) ?? 0, certain - this.#random.integer(4));
      this.#bases.set(copy, base);
      log.retain(copyOf(copy), seq(base));
    }
  }

  #append(log: NodeLog): void {
    const records = this.#newRecords();
    const piece = { records };
    this.#pieces.push(piece);
    const appended = log.append(records, { internal: this.#random.chance(0.3) });
    const done = appended.then(
      () => {
        if (!this.#isOver) this.#acknowledge(piece);
      },
      (error: unknown) => {
        const { code } = asToruaError(error);
        assert.notEqual(code, 'invariant_broken', String(error));
        // A refusal is final: the records are not in the log and never will be.
        const isRefused = code === 'disk_full' || code === 'overloaded';
        if (isRefused) this.#pieces = this.#pieces.filter((one) => one !== piece);
      },
    );
    done.catch((error: unknown) => {
      this.#problem ??= error;
    });
  }

  #acknowledge(piece: { readonly records: readonly LogRecord[] }): void {
    const at = this.#pieces.indexOf(piece);
    assert.equal(at, this.#acknowledged, 'acknowledgements come in the order of the appends');
    this.#acknowledged += 1;
  }

  #newRecords(): LogRecord[] {
    const copy = this.#random.pick(this.#copies);
    const state = stateAfter(this.#pieces).get(copyOf(copy));
    const last = state?.lastSeq ?? 0;
    const term = state?.lastTerm ?? 1;
    const dice = this.#random.float();
    const base = this.#bases.get(copy) ?? 0;
    if (state && dice < 0.04) return this.#dropped(copy, last);
    if (state && dice < 0.12 && last > base) {
      const cutTo = last - this.#random.integer(Math.min(4, last - base) + 1);
      return [truncateOf(copy, cutTo, state.records.get(cutTo)?.term ?? 1)];
    }
    const termNow = this.#random.chance(0.1) ? term + 1 : term;
    return Array.from({ length: 1 + this.#random.integer(3) }, (_, index) =>
      recordOf({
        copy,
        seq: last + 1 + index,
        term: termNow,
        payload: Buffer.alloc(this.#random.integer(700), this.#random.integer(256)),
      }),
    );
  }

  #dropped(copy: number, last: number): LogRecord[] {
    this.#copiesEver += 1;
    this.#copies = [...this.#copies.filter((one) => one !== copy), this.#copiesEver];
    return [dropOf(copy, last)];
  }

  /** The log stands where a prefix of the appends ends, not before the last acknowledged one. */
  async #check(log: NodeLog): Promise<void> {
    const fuse = this.world.disk.beforeCall;
    this.world.disk.beforeCall = undefined;
    assert.deepEqual(log.recovery.damage, [], 'a crash is never taken for damage');
    const held = new Map<string, { position: string; records: LogRecord[] }>();
    for (let copy = 1; copy <= this.#copiesEver; copy += 1) {
      const position = log.position(copyOf(copy));
      if (!position) continue;
      assert.equal(position.inDoubt, false, 'a crash puts no copy in doubt');
      const base = this.#bases.get(copy) ?? 0;
      assert.ok(position.firstSeq <= base + 1, 'records behind the base are kept');
      const records = await this.world.readAll(log, copy);
      held.set(copyOf(copy), { position: `${position.lastSeq}/${position.lastTerm}`, records });
    }
    const matching = this.#matchingPrefix(held);
    assert.ok(matching >= 0, `no prefix behind ${this.#acknowledged} acknowledged appends fits`);
    // What was shown counts as acknowledged from now on.
    this.#pieces = this.#pieces.slice(0, matching);
    this.#acknowledged = matching;
    this.world.disk.beforeCall = fuse;
  }

  #matchingPrefix(held: Map<string, { position: string; records: LogRecord[] }>): number {
    for (let length = this.#acknowledged; length <= this.#pieces.length; length += 1) {
      const state = stateAfter(this.#pieces.slice(0, length));
      if (state.size !== held.size) continue;
      const fits = [...held].every(([id, copy]) => {
        const model = state.get(id);
        const isAtModel = `${model?.lastSeq}/${model?.lastTerm}` === copy.position;
        return isAtModel && copy.records.every((record) => isSame(model, record));
      });
      if (fits) return length;
    }
    return -1;
  }
}

function isSame(model: ModelCopy | undefined, record: LogRecord): boolean {
  const expected = model?.records.get(record.seq);
  return (
    expected !== undefined &&
    expected.term === record.term &&
    expected.payload.equals(record.payload)
  );
}

function stateAfter(pieces: readonly { readonly records: readonly LogRecord[] }[]) {
  const state = new Map<string, ModelCopy>();
  for (const { records } of pieces) for (const record of records) applyTo(state, record);
  return state;
}

function applyTo(state: Map<string, ModelCopy>, record: LogRecord): void {
  if (record.kind === RECORD_KIND.drop) {
    state.delete(record.copyId);
    return;
  }
  const copy = state.get(record.copyId) ?? { lastSeq: 0, lastTerm: 1, records: new Map() };
  state.set(record.copyId, copy);
  if (record.kind === RECORD_KIND.truncate) {
    for (const at of copy.records.keys()) if (at > record.seq) copy.records.delete(at);
  } else {
    copy.records.set(record.seq, record);
  }
  copy.lastSeq = record.seq;
  copy.lastTerm = record.term;
}

function usedBytes(world: LogWorld): number {
  let used = 0;
  const measure = (path: string): void => {
    const node = world.disk.node(path);
    if (node === undefined) return;
    if ('names' in node) for (const name of node.names()) measure(`${path}/${name}`);
    else used += node.size;
  };
  measure('/data');
  return used;
}
