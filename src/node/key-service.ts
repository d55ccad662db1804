/**
 * Key operations on a node: one interface, one concern per wrapper. `stack` is the order in which they apply; a mode
 * that changes (lease, read-only) is a fact asked each time, never a flag in the data path. Source: style, pattern 4.
 */
import type { Deadline } from '../kernel/deadline.ts';
import { asToruaError, ToruaError } from '../kernel/errors.ts';
import { shardOfKey } from '../kernel/fnv1a.ts';
import { andThen, type Soon } from '../kernel/soon.ts';
import type { KeyAnswer, KeyOperation } from '../protocol/key-operation.ts';
import type { ShardCopy } from '../shard/shard-copy.ts';
import { staleTerm } from '../shard/write-path.ts';
import type { CopySet } from './copy-set.ts';
import type { Lease } from './lease.ts';

/** Executes key operations. Errors are thrown or reject; 404 and 412 are answers. */
export interface KeyService {
  execute(operation: KeyOperation, deadline: Deadline): Soon<KeyAnswer>;
}

/** What the wrappers ask. */
export interface KeyServiceParts {
  readonly copies: CopySet;
  readonly lease: Lease;
  /** Errors: `read_only`. */
  readonly checkWritable: () => void;
  readonly numShards: () => number;
  readonly record: (operation: KeyOperation, status: number) => void;
}

/** The service of a node: metered, read-only, leased, fenced, then the copy. */
export function keyService(parts: KeyServiceParts): KeyService {
  return metered(readOnly(leased(fenced(parts), parts), parts), parts);
}

/** The open copy of a shard that serves this term. Errors: `shard_not_found`, `shard_opening`, `shard_in_doubt`, `stale_term`. */
export function servingCopy(
  copies: CopySet,
  operation: Pick<KeyOperation, 'shardUid' | 'term' | 'anyCopy'> & { readonly key?: string },
  numShards: number,
): ShardCopy {
  const assignment = copies.assignment(operation.shardUid);
  if (!assignment)
    throw new ToruaError('stale_term', `This node holds no copy of shard ${operation.shardUid}.`);
  if (operation.key !== undefined && shardOfKey(operation.key, numShards) !== assignment.shardId) {
    throw new ToruaError(
      'wrong_shard',
      `The key belongs to shard ${shardOfKey(operation.key, numShards)}, not to ${assignment.shardId}.`,
    );
  }
  const slot = copies.slot(assignment.copyId);
  if (slot?.state === 'in_doubt')
    throw new ToruaError('shard_in_doubt', slot.reason ?? 'The copy is damaged.');
  if (!slot?.copy) {
    throw new ToruaError(
      'shard_opening',
      `Shard ${assignment.shardId} is being opened on this node.`,
      { retryAfterMs: 200 },
    );
  }
  if (operation.anyCopy) return slot.copy;
  // Term 0 means "not yet": a copy that is no primary serves nobody, not even one who asks for term 0.
  if (operation.term === 0 || operation.term !== slot.copy.term)
    throw staleTerm(operation.term, slot.copy.term);
  return slot.copy;
}

/** Whether the operation changes anything. */
export function isWrite(operation: Pick<KeyOperation, 'verb'>): boolean {
  return operation.verb === 'put' || operation.verb === 'delete';
}

function fenced(parts: KeyServiceParts): KeyService {
  return {
    execute: (operation, deadline) =>
      servingCopy(parts.copies, operation, parts.numShards()).execute(operation, deadline),
  };
}

/** Compares the lease with the clock before the work and again at the answer. */
function leased(inner: KeyService, parts: KeyServiceParts): KeyService {
  return {
    execute: (operation, deadline) => {
      if (operation.anyCopy) return inner.execute(operation, deadline);
      parts.lease.check();
      return andThen(inner.execute(operation, deadline), (answer) => {
        parts.lease.check();
        return answer;
      });
    },
  };
}

function readOnly(inner: KeyService, parts: KeyServiceParts): KeyService {
  return {
    execute: (operation, deadline) => {
      if (isWrite(operation)) parts.checkWritable();
      return inner.execute(operation, deadline);
    },
  };
}

function metered(inner: KeyService, parts: KeyServiceParts): KeyService {
  return {
    execute: (operation, deadline) => {
      const answered = (answer: KeyAnswer): KeyAnswer => {
        parts.record(operation, answer.status);
        return answer;
      };
      const failed = (reason: unknown): never => {
        parts.record(operation, asToruaError(reason).definition.status);
        throw reason;
      };
      let answer: Soon<KeyAnswer>;
      try {
        answer = inner.execute(operation, deadline);
      } catch (reason) {
        return failed(reason);
      }
      return andThen(answer, answered, failed);
    },
  };
}
