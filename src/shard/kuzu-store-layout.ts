/**
 * Files of one copy's Kuzu store, and the order in which they become durable:
 *
 *   CURRENT        {"generation":n}: which base counts. Flipped last, atomically
 *   STATE          {"state":...}: what the process was doing with the live database; read once, at the next start
 *   base-<n>/      x (a database nobody ever opens) and MANIFEST (seq, sums, length and SHA-256 of x)
 *   live-<n>/      x, x.wal, x.shadow: the working database, begun as a copy of base-<n>/x
 *   scratch/        row files and exports, emptied at each open
 */
import { z } from 'zod';
import { copyDatabaseFile, hashDatabaseFile, syncDatabaseFile } from '../engine/files.ts';
import { type Disk, readWhole, writeAtomically } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';

/**
 * `opening` and `checkpointing` found at a start mean that the process died doing it: the live file is not trusted.
 * `open` was killed elsewhere, which the engine survives; `closed` ended in order.
 */
export type StoreState = 'opening' | 'open' | 'checkpointing' | 'closed';

const manifestSchema = z.object({
  format: z.literal(1),
  seq: z.number().int().nonnegative(),
  keys: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
  file_bytes: z.number().int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const currentSchema = z.object({
  format: z.literal(1),
  generation: z.number().int().nonnegative(),
});
const stateSchema = z.object({ state: z.enum(['opening', 'open', 'checkpointing', 'closed']) });

/** What a base contains, and how its file is recognised. */
export type Manifest = z.infer<typeof manifestSchema>;

/** Paths and small files of one store. Holds no state. */
export class StoreLayout {
  readonly directory: string;
  readonly #disk: Disk;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.directory = directory;
  }

  base = (generation: number): string => `${this.directory}/base-${generation}`;
  live = (generation: number): string => `${this.directory}/live-${generation}`;
  liveFile = (generation: number): string => `${this.live(generation)}/x`;
  baseFile = (generation: number): string => `${this.base(generation)}/x`;
  get scratch(): string {
    return `${this.directory}/scratch`;
  }

  /** The generation that counts, or undefined in a directory where no store was ever finished. */
  async current(): Promise<number | undefined> {
    const bytes = await readWhole(this.#disk, `${this.directory}/CURRENT`);
    return bytes === undefined
      ? undefined
      : this.#parsed(currentSchema, bytes, 'CURRENT').generation;
  }

  /** Durable: from here on `generation` counts. Contract: its base is complete and synced. */
  async setCurrent(generation: number): Promise<void> {
    await this.#write(this.directory, 'CURRENT', { format: 1, generation });
  }

  /** What the last process was doing; undefined when there was none. Damage counts as the worst state. */
  async state(): Promise<StoreState | undefined> {
    const bytes = await readWhole(this.#disk, `${this.directory}/STATE`);
    if (bytes === undefined) return undefined;
    const parsed = stateSchema.safeParse(jsonOf(bytes));
    return parsed.success ? parsed.data.state : 'opening';
  }

  /** Durable before it returns: the process may die right after. */
  async setState(state: StoreState): Promise<void> {
    await this.#write(this.directory, 'STATE', { state });
  }

  /** Errors: `shard_in_doubt` when it is missing or damaged. */
  async manifest(generation: number): Promise<Manifest> {
    const bytes = await readWhole(this.#disk, `${this.base(generation)}/MANIFEST`);
    if (bytes === undefined) throw inDoubt(`base ${generation} has no manifest`);
    return this.#parsed(manifestSchema, bytes, `manifest of base ${generation}`);
  }

  /** Makes a closed database in `base-<n>` a durable base. Does not flip CURRENT. */
  async seal(
    generation: number,
    content: { seq: number; keys: number; bytes: number },
  ): Promise<Manifest> {
    const { sha256, sizeBytes } = await hashDatabaseFile(this.baseFile(generation));
    const manifest: Manifest = { format: 1, ...content, file_bytes: sizeBytes, sha256 };
    await syncDatabaseFile(this.baseFile(generation));
    await this.#write(this.base(generation), 'MANIFEST', manifest); // syncs the directory, and x's name with it
    await this.#disk.syncDirectory(this.directory);
    return manifest;
  }

  /**
   * A new live database from the base: whatever lay in its place is removed first, a stray log above all.
   * Errors: `shard_in_doubt` when the base is missing or its hash is wrong.
   */
  async liveFromBase(generation: number): Promise<Manifest> {
    const manifest = await this.manifest(generation);
    if (!(await this.#disk.exists(this.baseFile(generation))))
      throw inDoubt(`base ${generation} has no file`);
    await this.#disk.remove(this.live(generation));
    await this.#disk.makeDirectory(this.live(generation));
    await copyDatabaseFile(this.baseFile(generation), this.liveFile(generation));
    const { sha256, sizeBytes } = await hashDatabaseFile(this.liveFile(generation));
    if (sha256 !== manifest.sha256 || sizeBytes !== manifest.file_bytes) {
      await this.#disk.remove(this.live(generation));
      throw inDoubt(`base ${generation} is not what was written: its hash is wrong`);
    }
    await this.#disk.syncDirectory(this.live(generation));
    await this.#disk.syncDirectory(this.directory);
    return manifest;
  }

  /**
   * Whether a copy of the base fits once the live database is gone.
   * Errors: `disk_full` otherwise: better the old database for reading than none.
   */
  async checkRoomForCopy(generation: number): Promise<void> {
    const { file_bytes: wanted } = await this.manifest(generation);
    const room =
      (await this.#disk.freeBytes(this.directory)) +
      (await this.#disk.sizeOf(this.live(generation)));
    if (room < wanted)
      throw new ToruaError(
        'disk_full',
        `Rebuilding the copy in ${this.directory} needs ${wanted} bytes.`,
      );
  }

  /** Removes the files of a generation that nothing names any more. */
  async removeGeneration(generation: number): Promise<void> {
    await this.#disk.remove(this.live(generation));
    await this.#disk.remove(this.base(generation));
  }

  /** Removes everything that `keep` does not name: unfinished and outlived generations, and scratch files. */
  async sweep(keep: number): Promise<void> {
    for (const name of await this.#disk.list(this.directory)) {
      const isOther =
        /^(base|live)-\d+$/.test(name) && name !== `base-${keep}` && name !== `live-${keep}`;
      if (isOther || name === 'scratch' || name.endsWith('.tmp'))
        await this.#disk.remove(`${this.directory}/${name}`);
    }
    await this.#disk.makeDirectory(this.scratch);
  }

  /** Whether a store was ever finished here, whatever became of its base. */
  async wasUsed(): Promise<boolean> {
    const names = await this.#disk.list(this.directory);
    return names.some((name) => name === 'STATE' || name.startsWith('live-'));
  }

  #parsed<T>(schema: z.ZodType<T>, bytes: Buffer, what: string): T {
    const parsed = schema.safeParse(jsonOf(bytes));
    if (!parsed.success) throw inDoubt(`${what} is damaged`);
    return parsed.data;
  }

  async #write(directory: string, name: string, content: object): Promise<void> {
    await writeAtomically(
      this.#disk,
      directory,
      name,
      Buffer.from(`${JSON.stringify(content)}\n`, 'utf8'),
    );
  }
}

/** The copy cannot be brought back from its own disk. */
export function inDoubt(why: string): ToruaError {
  return new ToruaError('shard_in_doubt', `The copy's store cannot be trusted: ${why}.`);
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined; // the schema refuses it and the caller names the file
  }
}
