/** Naming sync calls: where in the code, and of what kind of file, because `writeAtomically` has many users. */
import type { SyncCall } from './sim-disk.ts';

/** The call's name: the line that calls, and the kind of path; the same in every run of unchanged code. */
export function syncName({ site, path, kind }: SyncCall): string {
  // The frame that waits for the call is not always in the stack, so only the innermost one counts.
  return `${site.split(' < ')[0]} | ${kind} ${kindOfPath(path)}`;
}

/** The path without what differs from run to run. */
function kindOfPath(path: string): string {
  return path
    .replace(/^\/data\/(n\d+)/, 'node')
    .replace(/^\/data\/coordinator/, 'coordinator')
    .replace(/\/[0-9a-f]{64}/, '/<blob>')
    .replace(/\/[0-9a-f]{16}(?=\/|$)/, '/<copy>')
    .replace(/\/blobs\/[0-9a-f]{2}(?=\/|$)/, '/blobs/<aa>')
    .replace(/\d{16}\.seg/, '<number>.seg')
    .replace(/incoming\/\d+/, 'incoming/<number>');
}
