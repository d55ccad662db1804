/** Pages of range deletes: how many keys one record takes. */

/** Keys deleted by one record at most: bounds the record and the work of one tick. */
export const DELETE_PAGE_MAX = 1_000;
/** Bytes of keys, as the record holds them, in one page; a first key always fits. */
const PAGE_BYTES_MAX = 1 << 20;

/** As many of the keys as fit a page; `next` names the last one when the rest was cut off. */
export function pageOf(
  keys: readonly string[],
  next: string | undefined,
): { keys: readonly string[]; next: string | undefined } {
  let bytes = 0;
  for (const [index, key] of keys.entries()) {
    bytes += Buffer.byteLength(JSON.stringify(key)) + 1;
    if (bytes <= PAGE_BYTES_MAX || index === 0) continue;
    return { keys: keys.slice(0, index), next: keys[index - 1] };
  }
  return { keys, next };
}
