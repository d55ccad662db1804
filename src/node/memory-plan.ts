/** How a node's memory budget is divided. The parts are bounds, not reservations. */

/** Bounds in bytes. `pool` and `memtable` are per copy, `valueCache` is for the process. */
export interface MemoryPlan {
  readonly pool: number;
  readonly memtable: number;
  readonly valueCache: number;
}

/** The engine refuses a smaller pool; it is a bound on what a copy's pages may take, touched ones only. */
const POOL_BYTES_MIN = 128 * 2 ** 20;
/** Above this a pool buys nothing for keys and values. */
const POOL_BYTES_MAX = 256 * 2 ** 20;
const MEMTABLE_BYTES_MIN = 4 * 2 ** 20;
const MEMTABLE_BYTES_MAX = 32 * 2 ** 20;

/** Half for pools (a copy alone may use a quarter), an eighth for all memtables of four copies, a quarter for values. */
export function divideMemory(budgetBytes: number, valueCache: boolean): MemoryPlan {
  return {
    pool: clamp(budgetBytes / 4, POOL_BYTES_MIN, POOL_BYTES_MAX),
    memtable: clamp(budgetBytes / 32, MEMTABLE_BYTES_MIN, MEMTABLE_BYTES_MAX),
    valueCache: valueCache ? Math.floor(budgetBytes / 4) : 0,
  };
}

function clamp(value: number, min: number, max: number): number {
  return Math.floor(Math.min(max, Math.max(min, value)));
}
