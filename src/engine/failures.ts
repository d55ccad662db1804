/** What the engine's error texts mean. The library has no codes; the texts are those of version 0.11.3. */
import { ToruaError } from '../kernel/errors.ts';

/** Why the engine refused, as far as somebody decides by it. */
export type EngineFailure = 'pool_full' | 'disk_full' | 'interrupted' | 'other';

const TEXTS: readonly (readonly [EngineFailure, RegExp])[] = [
  ['pool_full', /buffer pool is full|Unable to allocate memory/i],
  ['disk_full', /No space left on device|ENOSPC/i],
  ['interrupted', /^Interrupted/i],
];

/** The failure that an error of ours or of the library stands for. */
export function failureOf(error: unknown): EngineFailure {
  if (error instanceof ToruaError) {
    const noted = error.fields.engine_failure;
    if (typeof noted === 'string') return noted as EngineFailure;
    return error.code === 'disk_full' ? 'disk_full' : 'other';
  }
  const text = error instanceof Error ? error.message : String(error);
  return TEXTS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other';
}

/** The library's error as ours: `disk_full`, `overloaded` (pool), `deadline_exceeded` (timeout) or `storage_failed`. */
export function engineError(error: unknown, doing: string): ToruaError {
  if (error instanceof ToruaError) return error;
  const failure = failureOf(error);
  const options = { cause: error, fields: { engine_failure: failure } };
  const text = error instanceof Error ? error.message : String(error);
  switch (failure) {
    case 'pool_full':
      return new ToruaError(
        'overloaded',
        `The engine's memory pool was full while ${doing}.`,
        options,
      );
    case 'disk_full':
      return new ToruaError('disk_full', `The disk was full while ${doing}.`, options);
    case 'interrupted':
      return new ToruaError(
        'deadline_exceeded',
        `The time for the query was over while ${doing}.`,
        options,
      );
    case 'other':
      return new ToruaError('storage_failed', `The engine failed while ${doing}: ${text}`, options);
  }
}
