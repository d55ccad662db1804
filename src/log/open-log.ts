/**
 * Opens the log of a directory: reads every segment, lets `judge` and `Replay` decide what they mean, carries the
 * verdict out, and hands over a log that goes on behind the last batch.
 */
import { dirname } from 'node:path';
import { assert } from '../kernel/assert.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Disk } from '../kernel/disk.ts';
import type { Logger } from '../kernel/logger.ts';
import { isId } from './bytes.ts';
import { positionsBatch } from './group.ts';
import { DEFAULT_LOG_LIMITS, type LogLimits } from './limits.ts';
import { DurableLog, type NodeLog } from './log.ts';
import { judge, type Verdict } from './recovery.ts';
import { Replay } from './replay.ts';
import {
  checkHeader,
  decodeSegmentHeader,
  type SegmentScan,
  scanSegment,
  segmentName,
} from './segment.ts';
import { listSegments, readSegment } from './segment-files.ts';
import { isDiskFull, SegmentWriter } from './segment-writer.ts';

/** What a log is opened with. */
export interface OpenLogOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The log's own directory; made when it is absent. Its parent must be durable. */
  readonly directory: string;
  /** 16 hex digits, the data directory's id: segments of another log are refused. */
  readonly logId: string;
  /** Changes to the default limits. */
  readonly limits?: Partial<LogLimits> | undefined;
  /** The reserve file; absent = none is kept. */
  readonly reservePath?: string | undefined;
  /** Told the length of every fdatasync of a batch, in milliseconds; for a metric. */
  readonly onSync?: ((durationMs: number) => void) | undefined;
}

/**
 * Opens or creates the log; everything it then shows is durable.
 * Errors: `directory_too_new`, `directory_foreign`, `disk_full` (a new segment is needed and does not fit),
 * `storage_failed`. Contract: the data directory's lock is held; nobody else writes here.
 */
export async function openLog(options: OpenLogOptions): Promise<NodeLog> {
  assert(isId(options.logId), 'the id of a log is 16 hex digits');
  const limits = { ...DEFAULT_LOG_LIMITS, ...options.limits };
  await options.disk.makeDirectory(options.directory);
  await options.disk.syncDirectory(dirname(options.directory));
  const replay = new Replay();
  const scans = await scanAll(options, replay);
  const verdict = judge(scans);
  const table = replay.finish(verdict.lostTail);
  const writer = new SegmentWriter({ ...options, limits });
  const kept = scans.filter((scan) => scan.number !== verdict.remove);
  await carryOut(options, verdict);
  const last = kept.at(-1);
  const next = replay.lastNumber + 1;
  if (last === undefined || verdict.damage.length > 0) {
    // Behind damage nothing is continued: the new segment's positions hold the verdict, the evidence stays as it is.
    const number = (last?.number ?? 0) + 1;
    await withReserve(options, () => writer.begin(number, positionsBatch(table), next));
  } else {
    await makeLastBatchDurable(options, last);
    await writer.resume({ segment: last.number, offset: last.validEnd, nextNumber: next });
    // From here on the last batch of the former life is not the last one: if it ever is invalid, it was damaged.
    await writer.write(positionsBatch(table)).catch(unlessDiskFull);
  }
  const closedAtMs = options.clock.monotonicMs();
  const closed = kept.map((scan) => ({ number: scan.number, bytes: scan.sizeBytes, closedAtMs }));
  const log = new DurableLog({
    ...options,
    reservePath: options.reservePath,
    limits,
    table,
    writer,
    closed: closed.filter((segment) => segment.number !== writer.segment),
    recovery: {
      records: replay.records,
      segments: kept.length,
      tornTail: verdict.cut,
      damage: verdict.damage,
    },
  });
  await log.start();
  return log;
}

async function scanAll(options: OpenLogOptions, replay: Replay): Promise<SegmentScan[]> {
  const scans: SegmentScan[] = [];
  for (const number of await listSegments(options.disk, options.directory)) {
    const bytes = await readSegment(options.disk, options.directory, number);
    const header = decodeSegmentHeader(bytes);
    if (header) checkHeader(header, segmentName(number), options.logId);
    const place = { number, logId: options.logId, afterNumber: replay.lastNumber };
    scans.push(scanSegment(bytes, place, (batch) => replay.batch(bytes, number, batch)));
  }
  return scans;
}

async function carryOut(options: OpenLogOptions, verdict: Verdict): Promise<void> {
  const { disk, directory, logger } = options;
  if (verdict.damage.length > 0) logger.error({ damage: verdict.damage }, 'the log is damaged');
  if (verdict.remove !== undefined) {
    logger.warn({ segment: verdict.remove }, 'a segment torn at its beginning is removed');
    await disk.remove(`${directory}/${segmentName(verdict.remove)}`);
  }
  // A former life may have begun or removed a segment and died before it could make the name durable.
  await disk.syncDirectory(directory);
  if (verdict.cut) {
    logger.warn({ tail: verdict.cut }, 'a torn tail of the log is cut');
    const file = await disk.open(`${directory}/${segmentName(verdict.cut.segment)}`, 'write');
    try {
      await file.truncate(verdict.cut.offset);
    } finally {
      await file.close();
    }
  }
}

/**
 * Writes the last valid batch once more and syncs it, the cut included. What was read may only stand in the page
 * cache: written by a process that was killed before its sync, or left there clean by a sync that failed.
 */
async function makeLastBatchDurable(options: OpenLogOptions, scan: SegmentScan): Promise<void> {
  const { disk, directory } = options;
  const start = scan.lastNumber === scan.firstNumber ? 0 : scan.lastOffset;
  const file = await disk.open(`${directory}/${segmentName(scan.number)}`, 'write');
  try {
    await file.write(start, await file.read(start, scan.validEnd - start));
    await file.sync();
  } finally {
    await file.close();
  }
}

async function withReserve(options: OpenLogOptions, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isDiskFull(error) || options.reservePath === undefined) throw error;
    await options.disk.remove(options.reservePath);
    await write();
  }
}

function unlessDiskFull(error: unknown): void {
  if (!isDiskFull(error)) throw error;
}
