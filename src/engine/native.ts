/**
 * The only importer of `kuzu`: databases, connections and rows, without any of its types in an exported signature.
 * Holds the rules of the library that protect the process: one call in flight per connection, every result closed,
 * rows taken out in slices. Leaves queues, transactions and checkpoints to the files beside it.
 */
import kuzu from 'kuzu';
import { assert } from '../kernel/assert.ts';
import type { Clock } from '../kernel/clock.ts';
import { engineError } from './failures.ts';
import { bindParameters, type EngineParameters, parameterNames } from './parameters.ts';
import { withLowerThreads } from './thread-priority.ts';

/** A row by column name. Values are what the library makes of them: callers check what they take out. */
export type EngineRow = Readonly<Record<string, unknown>>;

/** One connection. One call in flight; the owner queues. */
export interface NativeConnection {
  /** Runs one statement with exactly the parameters its text names, through a prepared statement. */
  run(text: string, parameters: EngineParameters): Promise<EngineRow[]>;
  /** Runs one statement without parameters; nothing of it is remembered. */
  runText(text: string): Promise<EngineRow[]>;
  /** Statements from now on end after this many milliseconds. */
  setTimeoutMs(timeoutMs: number): void;
  close(): Promise<void>;
}

/** One open database. */
export interface NativeDatabase {
  connect(): Promise<NativeConnection>;
  /** Contract: all connections are closed. Never writes a checkpoint. */
  close(): Promise<void>;
}

interface Prepared {
  readonly statement: kuzu.PreparedStatement;
  readonly names: readonly string[];
}

/** Address space per database; a power of two, or the open fails. Each checkpoint eats about 9 MB of it. */
const DATABASE_BYTES_MAX = 2 ** 40;
/** Rows taken out of a result before other work gets its turn. */
const ROWS_PER_SLICE = 500;
/** Rows one statement may answer with; more is our bug, since every statement that can grow has a LIMIT. */
const ROWS_MAX = 1_000_000;
/** Prepared statements kept per connection; each holds about 6 KB until its connection closes. */
const PREPARED_MAX = 64;

/** Opens the database file, or creates it. Automatic checkpoints are off, at close as well. */
export async function openNative(
  path: string,
  options: { poolBytes: number; clock: Clock },
): Promise<NativeDatabase> {
  const { poolBytes, clock } = options;
  const database = new kuzu.Database(path, poolBytes, true, false, DATABASE_BYTES_MAX, false, -1);
  try {
    await withLowerThreads(() => database.init());
    const setting = await connectTo(database, clock);
    await setting.runText('CALL force_checkpoint_on_close=false');
    await setting.close();
  } catch (error) {
    await database.close().catch(() => undefined); // the first error says more
    throw engineError(error, 'opening the database');
  }
  return {
    connect: () => connectTo(database, clock),
    close: () => database.close(),
  };
}

async function connectTo(database: kuzu.Database, clock: Clock): Promise<NativeConnection> {
  const connection = new kuzu.Connection(database, 1);
  await connection.init();
  return new KuzuConnection(connection, clock);
}

class KuzuConnection implements NativeConnection {
  readonly #connection: kuzu.Connection;
  readonly #clock: Clock;
  readonly #prepared = new Map<string, Prepared>();
  #isBusy = false;

  constructor(connection: kuzu.Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  run(text: string, parameters: EngineParameters): Promise<EngineRow[]> {
    return this.#exclusively(async () => {
      const { statement, names } = this.#prepared.get(text) ?? (await this.#prepare(text));
      return this.#drain(
        await this.#connection.execute(statement, bindParameters(names, parameters)),
      );
    });
  }

  runText(text: string): Promise<EngineRow[]> {
    return this.#exclusively(async () => this.#drain(await this.#connection.query(text)));
  }

  setTimeoutMs(timeoutMs: number): void {
    this.#connection.setQueryTimeout(Math.max(1, Math.ceil(timeoutMs)));
  }

  async close(): Promise<void> {
    assert(!this.#isBusy, 'a connection is closed only when its call has ended');
    await this.#connection.close();
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    assert(!this.#isBusy, 'a connection has one call in flight');
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      this.#isBusy = false;
    }
  }

  async #prepare(text: string): Promise<Prepared> {
    const statement = await this.#connection.prepare(text);
    if (!statement.isSuccess()) throw new Error(statement.getErrorMessage());
    const oldest =
      this.#prepared.size < PREPARED_MAX ? undefined : this.#prepared.keys().next().value;
    if (oldest !== undefined) this.#prepared.delete(oldest);
    const prepared = { statement, names: parameterNames(text) };
    this.#prepared.set(text, prepared);
    return prepared;
  }

  /** Sync takes in slices: `getAll` costs thirty times as much, one long loop would hold up the process. */
  async #drain(answer: kuzu.QueryResult | kuzu.QueryResult[]): Promise<EngineRow[]> {
    const results = Array.isArray(answer) ? answer : [answer];
    try {
      const result = results[0];
      assert(result !== undefined && results.length === 1, 'one text is one statement');
      const rows: EngineRow[] = [];
      while (result.hasNext()) {
        const row = result.getNextSync();
        assert(row !== null && rows.length < ROWS_MAX, `a result has at most ${ROWS_MAX} rows`);
        rows.push(row);
        if (rows.length % ROWS_PER_SLICE === 0)
          await new Promise<void>((go) => this.#clock.soon(go));
      }
      return rows;
    } finally {
      for (const result of results) result.close();
    }
  }
}
