/**
 * The cluster state as a file: the wire's JSON with a CRC-32 of itself beside it, so that a flipped digit in a term is
 * found and never believed. Readers that only want the state may ignore the extra field.
 */
import { crc32 } from '../kernel/crc32.ts';
import { ToruaError } from '../kernel/errors.ts';
import { decode, encode } from './case.ts';
import { type ClusterState, clusterStateSchema } from './cluster-state.ts';

/** Name of the file in a data directory. */
export const STATE_FILE = 'state.json';

/** The file's bytes. */
export function encodeStoredState(state: ClusterState): Buffer {
  const wire = encode(clusterStateSchema, state);
  return Buffer.from(`${JSON.stringify({ crc32: checksum(wire), ...wire }, null, 1)}\n`);
}

/**
 * The state in the file's bytes. `path` names the file in errors.
 * Errors: `state_damaged` (truncated, garbage, wrong checksum, not a state); `directory_too_new` (a later format).
 */
export function decodeStoredState(bytes: Uint8Array, path: string): ClusterState {
  const { crc32: expected, ...wire } = parseObject(bytes, path);
  // First, because a later format may well have another checksum.
  if (typeof wire.format === 'number' && wire.format > 1) {
    throw new ToruaError(
      'directory_too_new',
      `${path} has format ${wire.format}; this version reads format 1.`,
    );
  }
  if (expected !== checksum(wire)) throw damaged(path, 'its checksum does not match');
  try {
    return decode(clusterStateSchema, wire);
  } catch (cause) {
    throw damaged(path, 'it does not describe a cluster', cause);
  }
}

function parseObject(bytes: Uint8Array, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw damaged(path, 'it is not complete JSON', cause);
  }
  throw damaged(path, 'it is not a JSON object');
}

const checksum = (wire: object): string =>
  crc32(Buffer.from(JSON.stringify(wire)))
    .toString(16)
    .padStart(8, '0');

const damaged = (path: string, reason: string, cause?: unknown): ToruaError =>
  new ToruaError('state_damaged', `${path} cannot be believed: ${reason}.`, { cause });
