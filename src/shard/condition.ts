/** Conditions of writes (`if-match`, `if-none-match`), decided against what is known about the key. Pure. */
import type { KeyAnswer } from '../protocol/key-operation.ts';
import { matchesEtag } from './etag.ts';
import { isOver } from './expiry.ts';
import type { StoredValue } from './store.ts';
import type { DeleteManyWrite, Write } from './write.ts';

/** A write that may carry a condition. */
export type KeyWrite = Exclude<Write, DeleteManyWrite>;

/** The write, if it has a condition. */
export function conditionalOf(write: Write): KeyWrite | undefined {
  if (write.verb === 'deleteMany') return undefined;
  if (write.ifMatch !== undefined) return write;
  return write.verb === 'put' && write.ifNoneMatch !== undefined ? write : undefined;
}

/** The 412 of a write whose condition does not hold over `stored`; undefined when it holds. */
export function refusalOf(
  write: KeyWrite,
  stored: StoredValue | undefined,
  nowMs: number,
): KeyAnswer | undefined {
  const etag = stored && !isOver(stored, nowMs) ? stored.etag : undefined;
  const ifNoneMatch = write.verb === 'put' ? write.ifNoneMatch : undefined;
  const holds =
    (write.ifMatch === undefined || matchesEtag(write.ifMatch, etag)) &&
    (ifNoneMatch === undefined || !matchesEtag(ifNoneMatch, etag));
  if (holds) return undefined;
  const detail = etag ? `The present etag is "${etag}".` : 'The key does not exist.';
  return { status: 412, code: 'precondition_failed', detail, etag };
}
