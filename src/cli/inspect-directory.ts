/** What a data directory holds, as a document; read only, also beside a running process. */
import { type Disk, readWhole } from '../kernel/disk.ts';
import { RECORD_KIND } from '../log/log-record.ts';
import { type ScanEvent, scanLog } from '../log/scan-log.ts';
import { CliError } from './context.ts';

/** One segment of the log. */
export interface SegmentReport {
  readonly number: number;
  readonly bytes: number;
  readonly header_valid: boolean;
  batches: number;
  records: number;
}

/** One copy as the log knows it. */
export interface CopyReport {
  readonly copy_id: string;
  readonly shard_uid: string;
  last_seq: number;
  term: number;
  in_doubt: boolean;
  records: Record<string, number>;
  /** Of its folder with base generations, live database and blobs; 0 when there is none. */
  folder_bytes: number;
}

/** The whole report, in the names that `--json` prints. */
export interface DirectoryReport {
  readonly directory: string;
  readonly format: unknown;
  readonly state: StateReport | null;
  readonly log: {
    readonly segments: readonly SegmentReport[];
    readonly bytes: number;
    /** Bytes behind the last whole batch: a crash, or a write under way right now. */
    readonly torn_bytes: number;
    readonly damage: readonly string[];
  };
  readonly copies: readonly CopyReport[];
}

interface StateReport {
  readonly cluster_id: unknown;
  readonly version: unknown;
  readonly leader_epoch: unknown;
  readonly nodes: number;
  readonly shards: number;
}

const KIND_NAMES = new Map<number, string>(
  Object.entries(RECORD_KIND).map(([name, kind]) => [kind, name]),
);

/**
 * Reads FORMAT, state.json, the log and the sizes of the copies.
 * Errors: `notFound` for a folder that is no data directory; those of `scanLog`.
 */
export async function inspectDirectory(disk: Disk, directory: string): Promise<DirectoryReport> {
  const format = await readJson(disk, `${directory}/FORMAT`);
  if (format === undefined)
    throw new CliError(
      'notFound',
      `${directory} has no FORMAT file; it is no data directory of Torua`,
    );
  const state = await readJson(disk, `${directory}/state.json`);
  const log = new LogReport();
  for await (const event of scanLog(disk, `${directory}/log`)) log.take(event);
  for (const copyId of await disk.list(`${directory}/copies`)) {
    log.copy(copyId, '').folder_bytes = await disk.sizeOf(`${directory}/copies/${copyId}`);
  }
  return {
    directory,
    format,
    state: state === undefined ? null : stateReport(state),
    log: {
      segments: log.segments,
      bytes: log.segments.reduce((sum, segment) => sum + segment.bytes, 0),
      torn_bytes: log.tornBytes,
      damage: log.damage,
    },
    copies: log.copies(),
  };
}

async function readJson(disk: Disk, path: string): Promise<unknown> {
  const bytes = await readWhole(disk, path);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new CliError('damaged', `${path} is not JSON`);
  }
}

function stateReport(state: unknown): StateReport {
  const document = state as {
    cluster_id?: unknown;
    version?: unknown;
    leader_epoch?: unknown;
    nodes?: unknown[];
    databases?: { shards?: unknown[] }[];
  };
  return {
    cluster_id: document.cluster_id,
    version: document.version,
    leader_epoch: document.leader_epoch,
    nodes: document.nodes?.length ?? 0,
    shards: (document.databases ?? []).reduce(
      (sum, database) => sum + (database.shards?.length ?? 0),
      0,
    ),
  };
}

/** Adds up what a scan meets. */
class LogReport {
  readonly segments: SegmentReport[] = [];
  damage: string[] = [];
  tornBytes = 0;
  readonly #copies = new Map<string, CopyReport>();

  take(event: ScanEvent): void {
    switch (event.kind) {
      case 'segment':
        this.segments.push({
          number: event.number,
          bytes: event.sizeBytes,
          header_valid: event.header !== undefined,
          batches: 0,
          records: 0,
        });
        return;
      case 'records':
        this.#count(event.segment, event.records.length);
        for (const record of event.records) {
          const { records } = this.copy(record.copyId, record.shardUid);
          const name = KIND_NAMES.get(record.kind) ?? `kind_${record.kind}`;
          records[name] = (records[name] ?? 0) + 1;
        }
        return;
      case 'positions':
        this.#count(event.segment, 0);
        return;
      case 'verdict':
        this.tornBytes = event.verdict.cut?.bytes ?? 0;
        this.damage = event.verdict.damage.map(
          ({ segment, kind, offset, bytes }) =>
            `segment ${segment}: ${kind} at ${offset}, ${bytes} bytes`,
        );
        for (const position of event.positions) {
          const copy = this.copy(position.copyId, position.shardUid);
          copy.last_seq = position.seq;
          copy.term = position.term;
          copy.in_doubt = position.doubt !== undefined;
        }
    }
  }

  copy(copyId: string, shardUid: string): CopyReport {
    let copy = this.#copies.get(copyId);
    if (!copy) {
      copy = {
        copy_id: copyId,
        shard_uid: shardUid,
        last_seq: 0,
        term: 0,
        in_doubt: false,
        records: {},
        folder_bytes: 0,
      };
      this.#copies.set(copyId, copy);
    }
    return copy;
  }

  copies(): CopyReport[] {
    return [...this.#copies.values()].sort((left, right) =>
      left.copy_id < right.copy_id ? -1 : 1,
    );
  }

  #count(segmentNumber: number, records: number): void {
    const segment = this.segments.find(({ number }) => number === segmentNumber);
    if (!segment) return;
    segment.batches += 1;
    segment.records += records;
  }
}
