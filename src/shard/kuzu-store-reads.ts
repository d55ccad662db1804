/** Listings and outcomes as the store's callers want them, from the engine's rows. */
import type { EngineRow } from '../engine/native.ts';
import type { EngineParameters } from '../engine/parameters.ts';
import { assert } from '../kernel/assert.ts';
import { HEADER_CHARACTERS, storedOf } from './kuzu-store-row.ts';
import { listText } from './kuzu-store-schema.ts';
import type { KeyRange, ListedRow, Outcome, StoredValue } from './store.ts';

/** What a listing needs of the store. */
export interface ListSource {
  /** Mean size of the store's values, bytes. */
  readonly averageRowBytes: number;
  read(text: string, parameters: EngineParameters): Promise<EngineRow[]>;
  readOne(key: string): Promise<StoredValue | undefined>;
}

/** Above this mean size a listing sorts keys alone and fetches the rows by key: sorting would carry every value. */
const SORTED_ROW_BYTES_MAX = 2_048;

/** The rows of a range, ascending by UTF-8 bytes. */
export async function listRows(range: KeyRange, source: ListSource): Promise<ListedRow[]> {
  if (range.limit <= 0) return [];
  const { start, end, limit, values } = range;
  const parameters: EngineParameters = {
    limit,
    ...(start === undefined ? {} : { from: start }),
    ...(end === undefined ? {} : { until: end }),
  };
  const shape = {
    start: start !== undefined,
    startExclusive: range.startExclusive === true,
    end: end !== undefined,
  };
  if (values === true && source.averageRowBytes > SORTED_ROW_BYTES_MAX) {
    const keys = await source.read(listText(shape, 'n.k AS k'), parameters);
    return fetched(
      keys.map((row) => String(row.k)),
      source,
    );
  }
  const column = values === true ? 'n.v AS v' : `left(n.v, ${HEADER_CHARACTERS}) AS v`;
  const rows = await source.read(
    listText(shape, `n.k AS k, ${column}, n.bytes AS bytes, n.expires AS expires`),
    parameters,
  );
  const listed: ListedRow[] = [];
  for (const row of rows) {
    const key = String(row.k);
    const stored = storedOf(row, values === true) ?? withoutValue(await source.readOne(key));
    if (stored !== undefined) listed.push({ key, stored });
  }
  return listed;
}

/** An outcome from its row. */
export function outcomeOf(row: EngineRow): Outcome {
  const { op, at, fingerprint, answer } = row;
  assert(
    typeof op === 'string' && typeof fingerprint === 'string' && typeof answer === 'string',
    'an outcome has its texts',
  );
  return { opId: op, recordedAtMs: Number(at), fingerprint, answer };
}

async function fetched(keys: readonly string[], source: ListSource): Promise<ListedRow[]> {
  const rows = await Promise.all(
    keys.map(async (key) => ({ key, stored: await source.readOne(key) })),
  );
  return rows.flatMap(({ key, stored }) => (stored === undefined ? [] : [{ key, stored }])); // deleted in between
}

function withoutValue(stored: StoredValue | undefined): StoredValue | undefined {
  if (stored === undefined) return undefined;
  const { value: _, ...rest } = stored;
  return rest;
}
