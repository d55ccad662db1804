/**
 * The one connection that writes, first in, first out. A second write transaction would fail at once instead of
 * waiting, so nothing else may write. Holds the rules for broken connections: after a failed BEGIN every statement
 * that touches a table kills the process, after an error in a transaction the next statement would be committed alone.
 */
import { assert } from '../kernel/assert.ts';
import { BoundedQueue } from '../kernel/bounded-queue.ts';
import { ToruaError } from '../kernel/errors.ts';
import { engineError } from './failures.ts';
import type { EngineRow, NativeConnection } from './native.ts';
import type { EngineParameters } from './parameters.ts';

/** What may be done inside a transaction. After the first error nothing more is sent. */
export interface EngineTransaction {
  /** One statement with typed parameters. */
  run(text: string, parameters: EngineParameters): Promise<EngineRow[]>;
  /** One statement without parameters, for texts that name a file. */
  runText(text: string): Promise<EngineRow[]>;
}

/** Jobs that may wait for the writer; one owner calls one after another, so more is a bug or an overload. */
const WAITING_MAX = 256;

/** The writer of one database. */
export class Writer {
  readonly #connect: () => Promise<NativeConnection>;
  readonly #waiting = new BoundedQueue<() => Promise<void>>(WAITING_MAX);
  #connection: NativeConnection | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(connect: () => Promise<NativeConnection>) {
    this.#connect = connect;
  }

  /** Runs `job` alone, in turn. Errors: `overloaded` when too many wait, `shutting_down` once closed. */
  alone<T>(job: (connection: NativeConnection) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const work = async (): Promise<void> => {
        try {
          this.#connection ??= await this.#connect();
          resolve(await job(this.#connection));
        } catch (error) {
          reject(engineError(error, 'writing'));
        }
      };
      if (this.#isClosed) reject(new ToruaError('shutting_down', 'The database is being closed.'));
      else if (!this.#waiting.offer(work))
        reject(
          new ToruaError('overloaded', 'Too many writes wait for this copy.', {
            retryAfterMs: 1_000,
          }),
        );
      else this.#running ??= this.#runAll();
    });
  }

  /**
   * Runs `work` in one write transaction and commits it.
   * Errors: those of the engine. With `fields.outcome` = `unknown` the commit itself failed and may have happened.
   */
  transaction<T>(work: (transaction: EngineTransaction) => Promise<T>): Promise<T> {
    return this.alone(async (connection) => {
      await this.#begin(connection);
      const result = await this.#inside(connection, work);
      await this.#commit(connection);
      return result;
    });
  }

  /** Lets what waits finish, then closes the connection. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
    await this.#discard();
  }

  async #runAll(): Promise<void> {
    await Promise.resolve(); // `#running` must be set before the first job ends
    for (let job = this.#waiting.take(); job !== undefined; job = this.#waiting.take()) await job();
    this.#running = undefined;
  }

  async #begin(connection: NativeConnection): Promise<void> {
    try {
      await connection.runText('BEGIN TRANSACTION');
    } catch (error) {
      await this.#discard();
      throw engineError(error, 'beginning a transaction');
    }
  }

  async #inside<T>(
    connection: NativeConnection,
    work: (transaction: EngineTransaction) => Promise<T>,
  ): Promise<T> {
    let isOver = false;
    const guarded = async (statement: () => Promise<EngineRow[]>): Promise<EngineRow[]> => {
      assert(!isOver, 'nothing is sent after a transaction has ended or failed');
      try {
        return await statement();
      } catch (error) {
        isOver = true;
        throw error;
      }
    };
    try {
      return await work({
        run: (text, parameters) => guarded(() => connection.run(text, parameters)),
        runText: (text) => guarded(() => connection.runText(text)),
      });
    } catch (error) {
      isOver = true;
      await connection.runText('ROLLBACK').catch(() => undefined); // usually gone already: "no active transaction"
      await this.#discard();
      throw engineError(error, 'applying a transaction');
    } finally {
      isOver = true;
    }
  }

  async #commit(connection: NativeConnection): Promise<void> {
    try {
      await connection.runText('COMMIT');
    } catch (error) {
      await this.#discard();
      const known = engineError(error, 'committing');
      throw new ToruaError(known.code, known.detail, {
        cause: error,
        fields: { ...known.fields, outcome: 'unknown' },
      });
    }
  }

  async #discard(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }
}
