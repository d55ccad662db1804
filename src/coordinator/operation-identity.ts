/**
 * Under which id a write may be repeated. Three sources: the caller's `idempotency-key` (remembered 10 minutes, with
 * the data), the SDK's `x-torua-operation-id` (16 hex digits, remembered like our own for 60 s: retries within one call
 * must not fill the window of 10 minutes), or a fresh one of ours.
 */
import { createHash } from 'node:crypto';
import { callersKey } from '../http/key-answer.ts';
import { ToruaError } from '../kernel/errors.ts';
import { HEADERS } from '../protocol/public.ts';

/** The id of a whole request, and of its parts where it becomes several records. */
export interface OperationIdentity {
  readonly opId: string;
  /** Whether it is the caller's `idempotency-key`. */
  readonly callerOpId: boolean;
  /** The id of part `number`: a line of a bulk request, a page of a range delete. */
  part(number: number): { readonly opId: string; readonly callerOpId: boolean };
}

/** The identity that a request's headers ask for. Errors: `invalid_request`. */
export function identityOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  newOpId: () => string,
): OperationIdentity {
  const callers = callersKey(headers[HEADERS.idempotencyKey]);
  if (callers !== undefined) return ofCaller(callers);
  const given = headers[HEADERS.operationId];
  if (given !== undefined) return ofSdk(given);
  return {
    opId: newOpId(),
    callerOpId: false,
    part: () => ({ opId: newOpId(), callerOpId: false }),
  };
}

function ofCaller(key: string): OperationIdentity {
  const part = (number: number) => ({ opId: `${key}:${number}`, callerOpId: true });
  return { opId: key, callerOpId: true, part };
}

function ofSdk(id: string | string[]): OperationIdentity {
  if (typeof id !== 'string' || !/^[0-9a-f]{16}$/.test(id)) {
    throw new ToruaError('invalid_request', `${HEADERS.operationId} must be 16 hex digits.`);
  }
  const part = (number: number) => {
    const digest = createHash('sha256').update(`${id}:${number}`).digest('hex');
    return { opId: digest.slice(0, 16), callerOpId: false };
  };
  return { opId: id, callerOpId: false, part };
}
