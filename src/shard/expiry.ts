/** Times to live, in hybrid time: it never goes back, so what is over stays over. */

/** Latest time a record can hold (six bytes); later ones mean this one, some 8,900 years ahead. */
const TIME_MS_MAX = 2 ** 48 - 1;

/** When a value that lives for `ttlMs` is over; 0 = never. Whole milliseconds, rounded up. */
export function expiryOf(nowMs: number, ttlMs: number | undefined): number {
  return ttlMs === undefined ? 0 : Math.min(TIME_MS_MAX, Math.ceil(nowMs + ttlMs));
}

/** Whether the value's time is over. */
export function isOver(stored: { readonly expiresAtMs: number }, nowMs: number): boolean {
  return stored.expiresAtMs !== 0 && stored.expiresAtMs <= nowMs;
}
