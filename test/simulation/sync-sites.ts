/** Naming sync calls: where in the code, and of what kind of file, because `writeAtomically` has many users. */
import type { SyncCall } from './sim-disk.ts';

/** The call's name, the same in every run and on every line of an unchanged file. */
export function syncName({ site, path, kind }: SyncCall): string {
  return `${site} | ${kind} ${kindOfPath(path)}`;
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
