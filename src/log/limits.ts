/** Every bound of the log, by name. */

/** Bounds of one log; sizes in bytes, times in milliseconds. */
export interface LogLimits {
  /** A segment that would grow over this is closed and the next one is begun. */
  readonly segmentBytes: number;
  /** Room that a segment is given in advance, as zeros; 0 = none. See `reserveRoom`. */
  readonly roomBytes: number;
  /** One group commit writes at most this much, or one append when that alone is larger. */
  readonly groupBytesMax: number;
  /** Appends that wait for the disk; more is refused with `overloaded`. Internal records are not counted out. */
  readonly pendingBytesMax: number;
  /** One encoded record; a larger one is a bug of the caller's. */
  readonly recordBytesMax: number;
  /** Silence after a data batch until the idle batch is written that proves the data batch was complete. */
  readonly idleBatchDelayMs: number;
  /** Segments closed for less than this are kept even when nobody needs them: outcomes of op ids live there. */
  readonly segmentAgeMsMin: number;
  /** Retained segments above this make `overRetained` true; nothing is refused. */
  readonly retainedBytesMax: number;
  /** Size of the reserve file. */
  readonly reserveBytes: number;
  /** Pause between two looks at the free space while the disk is full. */
  readonly fullCheckMs: number;
  /** Free space from which on a full disk counts as usable again; larger than `reserveBytes`. */
  readonly freeBytesMin: number;
  /** One read from a segment covers at most this much, or one record when that alone is larger. */
  readonly readSpanBytesMax: number;
  /** What a caller refused with `overloaded` is told to wait. */
  readonly retryAfterMs: number;
}

const MIB = 1024 * 1024;

/** The limits of production. */
export const DEFAULT_LOG_LIMITS: LogLimits = {
  segmentBytes: 16 * MIB,
  roomBytes: MIB,
  groupBytesMax: MIB,
  pendingBytesMax: 32 * MIB,
  recordBytesMax: 8 * MIB,
  idleBatchDelayMs: 20,
  segmentAgeMsMin: 60_000,
  retainedBytesMax: 256 * MIB,
  reserveBytes: 16 * MIB,
  fullCheckMs: 1_000,
  freeBytesMin: 32 * MIB,
  readSpanBytesMax: MIB,
  retryAfterMs: 50,
};
