/** Assertions: they mean a bug of ours, stay on in production, and answer 500 `invariant_broken`. */
import { ToruaError } from './errors.ts';

/** Throws `invariant_broken` when `condition` is false. Bad input is zod's business, never this function's. */
export function assert(condition: boolean, promise: string): asserts condition {
  if (!condition) throw new ToruaError('invariant_broken', promise);
}

/** Ends a `switch` over a union: does not compile while a case is missing, throws if one slips through. */
export function unreachable(value: never): never {
  throw new ToruaError('invariant_broken', `unexpected value ${JSON.stringify(value)}`);
}

/** The value, or `invariant_broken` when it is absent although the caller's logic says it cannot be. */
export function present<T>(value: T | undefined | null, promise: string): T {
  if (value === undefined || value === null) throw new ToruaError('invariant_broken', promise);
  return value;
}
