/**
 * One open database: a writer, readers behind a gate, checkpoints and exports in the writer's turn. Everything that
 * may stand above the engine (key store now, graph queries and imports later) goes through this class.
 */
import { availableParallelism } from 'node:os';
import { assert } from '../kernel/assert.ts';
import type { Clock } from '../kernel/clock.ts';
import { ToruaError } from '../kernel/errors.ts';
import { engineError } from './failures.ts';
import { type EngineRow, type NativeDatabase, openNative } from './native.ts';
import { claimPath, releasePath } from './open-registry.ts';
import type { EngineParameters } from './parameters.ts';
import { Readers, type ReadOptions } from './readers.ts';
import { quotedPath } from './statement-text.ts';
import { type EngineTransaction, Writer } from './writer.ts';

/** How a database is opened. */
export interface EngineOptions {
  readonly clock: Clock;
  /** Memory for pages and uncheckpointed changes, bytes; a bound, not a reservation. */
  readonly poolBytes: number;
  /** Connections for key reads and listings. */
  readonly shortReaders?: number | undefined;
  /** Connections for users' graph reads. */
  readonly longReaders?: number | undefined;
}

/** Memory of the engine, bytes. */
export interface PoolUse {
  readonly usedBytes: number;
  readonly limitBytes: number;
}

/** One table to be exported: the file's name without ending and the query whose rows it gets. */
export interface ExportedTable {
  readonly name: string;
  readonly query: string;
}

/** Smallest pool the engine is opened with: at 64 MiB loading nine rows from a file fails, at 128 MiB it works. */
export const POOL_BYTES_MIN = 128 * 2 ** 20;
/** Reads that may wait per class. A key read takes a tenth of a millisecond, a graph read up to its timeout. */
const WAITING_MAX = { short: 10_000, long: 64 } as const;
const SHORT_READERS = 2;
/**
 * Fewer than the engine has threads. It starts one per core, which nobody can set, and runs one statement on one of
 * them: two endless graph reads on two cores would leave none for keys and the writer (a key read took 3.9 s).
 */
const LONG_READERS = Math.max(1, Math.min(2, availableParallelism() - 1));

/** A database that is open in this process. Contract: `close` is called once and awaited. */
export class EngineDatabase {
  readonly path: string;
  readonly #native: NativeDatabase;
  readonly #writer: Writer;
  readonly #readers: Readers;
  #isPoisoned = false;
  #isCheckpointDue = false;

  private constructor(path: string, native: NativeDatabase, options: EngineOptions) {
    this.path = path;
    this.#native = native;
    const connect = () => native.connect();
    this.#writer = new Writer(connect);
    this.#readers = new Readers({
      connect,
      clock: options.clock,
      limits: {
        short: {
          connections: options.shortReaders ?? SHORT_READERS,
          waitingMax: WAITING_MAX.short,
        },
        long: { connections: options.longReaders ?? LONG_READERS, waitingMax: WAITING_MAX.long },
      },
    });
  }

  /**
   * Opens or creates the database file.
   * Contract: `x.wal` and `x.shadow` beside it belong to it; a stray one means a crash or garbage.
   * Errors: `invariant_broken` when it is open in this process, `storage_failed`, `overloaded` when the pool is too small.
   */
  static async open(path: string, options: EngineOptions): Promise<EngineDatabase> {
    assert(options.poolBytes >= POOL_BYTES_MIN, `a pool has at least ${POOL_BYTES_MIN} bytes`);
    claimPath(path);
    try {
      return new EngineDatabase(path, await openNative(path, options), options);
    } catch (error) {
      releasePath(path);
      throw error;
    }
  }

  /** Runs `work` in one write transaction. Errors: `fields.outcome` = `unknown` says that it may have been committed. */
  write<T>(work: (transaction: EngineTransaction) => Promise<T>): Promise<T> {
    this.#refuseWhenPoisoned();
    return this.#writer.transaction(work);
  }

  /** One statement outside of transactions, in the writer's turn: schema changes and imports. */
  runAlone(text: string): Promise<EngineRow[]> {
    this.#refuseWhenPoisoned();
    return this.#writer.alone((connection) => connection.runText(text));
  }

  /** One reading statement with typed parameters. Errors: `overloaded`, `deadline_exceeded`, `shutting_down`. */
  read(text: string, parameters: EngineParameters, options: ReadOptions): Promise<EngineRow[]> {
    return this.#readers.read(text, parameters, options);
  }

  /** Whether a checkpoint failed on this handle. */
  get isPoisoned(): boolean {
    return this.#isPoisoned;
  }

  /** Long readers inside now: a checkpoint would have to wait for them. */
  get longReaders(): number {
    return this.#readers.inside('long');
  }

  /**
   * Writes all committed changes into the data file, while nobody reads. `before` runs when everybody has left,
   * `after` when the file is complete and before anybody returns: the place for a durable marker.
   * Errors: any but those of `before` poison the handle. It still reads rightly, refuses writes, and must be
   * closed: a second checkpoint on it would empty columns silently.
   */
  async checkpoint(around: {
    before: () => Promise<void>;
    after: () => Promise<void>;
  }): Promise<void> {
    this.#refuseWhenPoisoned();
    assert(!this.#isCheckpointDue, 'one checkpoint at a time');
    this.#isCheckpointDue = true;
    try {
      await this.#readers.drainLong();
      await this.#writer.alone(async (connection) => {
        await this.#readers.drainAll();
        await around.before(); // nothing has happened yet: a failure here harms nobody
        try {
          await connection.runText('CHECKPOINT');
          await around.after();
        } catch (error) {
          this.#isPoisoned = true;
          throw engineError(error, 'writing a checkpoint');
        }
      });
    } finally {
      this.#isCheckpointDue = false;
      this.#readers.reopen();
    }
  }

  /**
   * Writes the rows of each query into `folder/<name>.json`, all from one snapshot together with `stamp`'s rows.
   * In the writer's turn, so that no checkpoint starts meanwhile; readers go on.
   * Contract: the folder exists and does not hold the files. Nothing is synced: an export is read once and deleted.
   */
  exportTo(
    folder: string,
    options: { tables: readonly ExportedTable[]; stamp: string },
  ): Promise<EngineRow[]> {
    return this.#writer.alone(async (connection) => {
      await connection.runText('BEGIN TRANSACTION READ ONLY');
      try {
        const stamp = await connection.runText(options.stamp);
        for (const table of options.tables) {
          await connection.runText(
            `COPY (${table.query}) TO ${quotedPath(`${folder}/${table.name}.json`)}`,
          );
        }
        return stamp;
      } finally {
        await connection.runText('COMMIT').catch(() => undefined); // it only read: nothing can be lost
      }
    });
  }

  /** Memory in use. Cached pages count, so a high figure alone does not mean pressure. */
  async poolUse(): Promise<PoolUse> {
    const rows = await this.#writer.alone((connection) =>
      connection.runText('CALL bm_info() RETURN *'),
    );
    return {
      usedBytes: Number(rows[0]?.mem_usage ?? 0),
      limitBytes: Number(rows[0]?.mem_limit ?? 0),
    };
  }

  /** The end is near: long reads that wait or come are refused, those inside go on. Errors of those: `shutting_down`. */
  refuseLongReads(): void {
    this.#readers.refuseLong();
  }

  /** Answers what waits, then closes without a checkpoint. */
  async close(): Promise<void> {
    await this.#writer.close();
    await this.#readers.close();
    await this.#native.close();
    releasePath(this.path);
  }

  #refuseWhenPoisoned(): void {
    if (this.#isPoisoned)
      throw new ToruaError('storage_failed', 'A checkpoint failed; the database must be rebuilt.');
  }
}
