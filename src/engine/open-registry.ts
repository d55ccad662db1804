/**
 * Paths of databases that this process has open. The engine's own lock is weak: a second open of the same file in
 * one process succeeds silently and drops the lock that keeps other processes out.
 */
import { assert } from '../kernel/assert.ts';

const open = new Set<string>();

/** Notes the path as open. Errors: `invariant_broken` when it is open already. */
export function claimPath(path: string): void {
  assert(!open.has(path), `a database is opened once: ${path}`);
  open.add(path);
}

/** Forgets the path. */
export function releasePath(path: string): void {
  open.delete(path);
}

/** Whether a file belongs to an open database and must not be touched, not even read. */
export function isPathOpen(path: string): boolean {
  return open.has(path);
}
