/** A log on a simulated disk with a simulated clock, and short ways to make records: for the log's own tests. */
import { copyId, type Seq, seq, shardUid, term } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import type { LogLimits } from '../../src/log/limits.ts';
import type { NodeLog } from '../../src/log/log.ts';
import { type LogRecord, RECORD_KIND, type RecordKind } from '../../src/log/log-record.ts';
import { openLog } from '../../src/log/open-log.ts';
import { truncatePayload } from '../../src/log/record-codec.ts';
import { SimClock } from './sim-clock.ts';
import { SimDisk } from './sim-disk.ts';
import { simRandom } from './sim-random.ts';

/** Where the world's log lies. */
export const LOG_DIRECTORY = '/data/log';
/** The reserve file, when a world has one. */
export const RESERVE_PATH = '/data/RESERVE';
/** The log's id. */
export const LOG_ID = '00000000000000aa';

/** A copy's id from a small number. */
export const copyOf = (number: number) => copyId(`c${String(number).padStart(15, '0')}`);
const shardOf = (number: number) => shardUid(`5${String(number).padStart(15, '0')}`);

/** What a test says about a record; the rest has defaults. */
export interface RecordParts {
  readonly copy?: number | undefined;
  readonly seq: number;
  readonly term?: number | undefined;
  readonly kind?: RecordKind | undefined;
  readonly opId?: string | undefined;
  readonly callerOpId?: boolean | undefined;
  readonly hybridMs?: number | undefined;
  readonly payload?: Buffer | undefined;
}

/** A record of one of the small-numbered copies. */
export function recordOf(parts: RecordParts): LogRecord {
  const copy = parts.copy ?? 1;
  return {
    kind: parts.kind ?? RECORD_KIND.put,
    shardUid: shardOf(copy),
    copyId: copyOf(copy),
    term: term(parts.term ?? 1),
    seq: seq(parts.seq),
    schemaVersion: 0,
    opId: parts.opId ?? '',
    callerOpId: parts.callerOpId ?? false,
    hybridMs: parts.hybridMs ?? 1_000 + parts.seq,
    payload: parts.payload ?? Buffer.from(`copy ${copy} seq ${parts.seq}`),
  };
}

/** A `truncate` record. */
export function truncateOf(copy: number, lastSeq: number, termNumber = 1): LogRecord {
  const payload = truncatePayload(lastSeq);
  return recordOf({ copy, seq: lastSeq, term: termNumber, kind: RECORD_KIND.truncate, payload });
}

/** A `drop` record of a copy that stands at `lastSeq`. */
export function dropOf(copy: number, lastSeq: number): LogRecord {
  return recordOf({ copy, seq: lastSeq, kind: RECORD_KIND.drop, payload: Buffer.alloc(0) });
}

/** One machine. */
export class LogWorld {
  readonly disk: SimDisk;
  readonly clock = new SimClock();
  readonly limits: Partial<LogLimits>;
  readonly hasReserve: boolean;

  constructor(options: { seed?: number; limits?: Partial<LogLimits>; hasReserve?: boolean } = {}) {
    this.disk = new SimDisk({ random: simRandom(options.seed ?? 1) });
    this.limits = options.limits ?? {};
    this.hasReserve = options.hasReserve ?? false;
  }

  /** The machine's first start: the data directory is there, durably. */
  async format(): Promise<void> {
    const disk = this.disk.boot();
    await disk.makeDirectory('/data');
    await disk.syncDirectory('/');
  }

  /** Opens the log in a new process of the machine. */
  open(): Promise<NodeLog> {
    return this.clock.settle(
      openLog({
        disk: this.disk.boot(),
        clock: this.clock,
        logger: silentLogger,
        directory: LOG_DIRECTORY,
        logId: LOG_ID,
        limits: { roomBytes: 0, ...this.limits },
        reservePath: this.hasReserve ? RESERVE_PATH : undefined,
      }),
    );
  }

  /** Kills the process; its timers die with it. */
  kill(): void {
    this.disk.kill();
    this.clock.clear();
  }

  /** Power failure. */
  crash(): void {
    this.disk.crash();
    this.clock.clear();
  }

  /** Waits for a promise in virtual time. */
  settle<T>(work: Promise<T>): Promise<T> {
    return this.clock.settle(work);
  }

  /** Appends records one by one of one copy, from `from` to `to`, and waits. */
  async fill(log: NodeLog, parts: { copy?: number; from: number; to: number }): Promise<void> {
    for (let at = parts.from; at <= parts.to; at += 1) {
      await this.settle(log.append([recordOf({ copy: parts.copy, seq: at })]));
    }
  }

  /** Everything readable of a copy. */
  async readAll(log: NodeLog, copy: number): Promise<LogRecord[]> {
    const records: LogRecord[] = [];
    const position = log.position(copyOf(copy));
    let next: Seq | undefined = position?.firstSeq;
    while (next !== undefined) {
      const part: LogRecord[] = await this.settle(log.read(copyOf(copy), next, 1_000));
      records.push(...part);
      const last: LogRecord | undefined = part.at(-1);
      next = last && seq(last.seq + 1);
    }
    return records;
  }
}

/** A formatted world. */
export async function logWorld(
  options: { seed?: number; limits?: Partial<LogLimits>; hasReserve?: boolean } = {},
): Promise<LogWorld> {
  const world = new LogWorld(options);
  await world.format();
  return world;
}
