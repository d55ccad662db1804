/** A write as a copy takes it. */
import type { StoredValue } from './store.ts';

/** A write whose content is ready: small values inline, large ones already in a durable blob file. */
export type Write =
  | (WriteBase & {
      readonly verb: 'put';
      readonly key: string;
      readonly stored: Omit<StoredValue, 'expiresAtMs'>;
      readonly ttlMs?: number | undefined;
      readonly ifNoneMatch?: string | undefined;
    })
  | (WriteBase & { readonly verb: 'delete'; readonly key: string })
  | DeleteManyWrite;

/** A page of a range delete, or of a sweep. */
export interface DeleteManyWrite extends WriteBase {
  readonly verb: 'deleteMany';
  readonly keys: readonly string[];
  /** Last key looked at when the range may go on behind it. */
  readonly next: string | undefined;
  /** Which range was asked for, as text: tells a repeat under an `idempotency-key` from another request. */
  readonly range: string;
  /** Keys that are left out; asked in the same step as the append, so that no write comes between. */
  readonly isSpared?: ((key: string) => boolean) | undefined;
}

interface WriteBase {
  /** Of a coordinator: 16 hex digits. */
  readonly opId: string;
  /** Whether `opId` is a caller's `idempotency-key`. */
  readonly callerOpId: boolean;
  readonly ifMatch?: string | undefined;
}
