/**
 * Values that are there already or come later. On the path that every key operation takes, what is known at once is
 * handed on at once: an async function on the way costs more than a look into a map.
 */

/** A value, or the promise of one. Contract: `T` itself is never a promise. */
export type Soon<T> = T | Promise<T>;

/** `next` of the value, as soon as it is there; failures go on as they are unless `failed` takes them. */
export function andThen<T, R>(
  value: Soon<T>,
  next: (value: T) => R,
  failed?: (reason: unknown) => R,
): Soon<R> {
  return value instanceof Promise ? value.then(next, failed) : next(value);
}

/** All values in order, at once when none has to be waited for. Rejects with the first failure. */
export function allOf<T>(values: readonly Soon<T>[]): Soon<T[]> {
  for (const value of values) if (value instanceof Promise) return Promise.all(values);
  return values as T[];
}
