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
  | (WriteBase & {
      readonly verb: 'deleteMany';
      readonly keys: readonly string[];
      readonly next: string | undefined;
    });

interface WriteBase {
  readonly opId: string;
  readonly callerOpId: boolean;
  readonly ifMatch?: string | undefined;
}
