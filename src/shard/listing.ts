/** Listings: the store's rows with the memtable laid over them, ascending by UTF-8 bytes. */
import { compareUtf8 } from '../kernel/utf8-order.ts';
import { isOver } from './expiry.ts';
import type { NewestValues } from './newest.ts';
import type { KeyRange, ListedRow, StoredValue } from './store.ts';

/** One page: at most `limit` rows; `next` is set when there may be more, and names the last key looked at. */
export interface ListPage {
  readonly rows: readonly ListedRow[];
  readonly next: string | undefined;
}

/**
 * One page of committed, living rows. A row written or deleted while the page is collected may or may not show.
 * Shape: ascending, each key once; may be empty although `next` is set. Errors: `shard_opening`.
 * The memtable is read before the store: what moves between them is seen at least once.
 */
export async function listPage(
  newest: NewestValues,
  range: KeyRange,
  nowMs: number,
): Promise<ListPage> {
  const overlay = new Map<string, StoredValue | undefined>();
  for (const [key, entry] of newest.aside) if (isInside(key, range)) overlay.set(key, entry.stored);
  for (const [key, entry] of newest.memtable.entries())
    if (isInside(key, range)) overlay.set(key, entry.stored);
  const stored = await newest.readStore((store) => store.list(range));
  const last = stored.length < range.limit ? undefined : stored.at(-1)?.key;
  const merged = mergeRows(stored, overlay, last).filter((row) => !isOver(row.stored, nowMs));
  if (merged.length > range.limit) {
    const rows = merged.slice(0, range.limit);
    return { rows, next: rows.at(-1)?.key };
  }
  return { rows: merged, next: last };
}

function mergeRows(
  stored: readonly ListedRow[],
  overlay: ReadonlyMap<string, StoredValue | undefined>,
  last: string | undefined,
): ListedRow[] {
  const rows = stored.filter((row) => !overlay.has(row.key));
  for (const [key, value] of overlay) {
    if (value && (last === undefined || compareUtf8(key, last) <= 0))
      rows.push({ key, stored: value });
  }
  return rows.sort((left, right) => compareUtf8(left.key, right.key));
}

function isInside(key: string, range: KeyRange): boolean {
  if (range.end !== undefined && compareUtf8(key, range.end) >= 0) return false;
  if (range.start === undefined) return true;
  const order = compareUtf8(key, range.start);
  return range.startExclusive ? order > 0 : order >= 0;
}
