/**
 * Who may call a route. Until users and roles exist users pass; routes between Torua's processes want the cluster's
 * token, or a loopback peer where no token is set. Pure: facts in, refusal out.
 */
import { timingSafeEqual } from 'node:crypto';
import { ToruaError } from '../kernel/errors.ts';
import { MIN_SUPPORTED_PROTOCOL, PROTOCOL_HEADER, PROTOCOL_VERSION } from '../protocol/version.ts';
import type { Access } from './app-options.ts';

/** What the decision rests on. */
export interface Caller {
  readonly token: unknown;
  readonly protocol: unknown;
  readonly remoteAddress: string | undefined;
  readonly path: string;
}

/** Undefined when the caller may pass; else `cluster_token_required` or `protocol_too_old`. */
export function refusalOf(
  access: Access,
  caller: () => Caller,
  clusterToken: string | undefined,
): ToruaError | undefined {
  if (access !== 'internal') return undefined;
  const facts = caller();
  return tokenRefusal(facts, clusterToken) ?? protocolRefusal(facts);
}

function tokenRefusal(
  { token, remoteAddress }: Caller,
  clusterToken: string | undefined,
): ToruaError | undefined {
  if (clusterToken !== undefined) {
    if (typeof token === 'string' && sameSecret(token, clusterToken)) return undefined;
    return new ToruaError(
      'cluster_token_required',
      'The request carries no or another CLUSTER_TOKEN; set the same one on every process.',
    );
  }
  if (isLoopback(remoteAddress)) return undefined;
  return new ToruaError(
    'cluster_token_required',
    `${remoteAddress ?? 'The peer'} is not on this machine; set CLUSTER_TOKEN to the same value on every process.`,
  );
}

/** The original's clients register without a version; below `/internal/` only our own processes speak. */
function protocolRefusal({ protocol, path }: Caller): ToruaError | undefined {
  if (protocol === undefined && !path.startsWith('/internal/')) return undefined;
  const version = Number(protocol);
  if (Number.isInteger(version) && version >= MIN_SUPPORTED_PROTOCOL) return undefined;
  const spoken = typeof protocol === 'string' ? `version ${protocol.slice(0, 20)}` : 'no version';
  return new ToruaError(
    'protocol_too_old',
    `The caller speaks ${spoken} in ${PROTOCOL_HEADER}; this process speaks ${MIN_SUPPORTED_PROTOCOL} to ${PROTOCOL_VERSION}.`,
    {
      fields: { protocol_version: PROTOCOL_VERSION, min_supported: MIN_SUPPORTED_PROTOCOL },
    },
  );
}

function sameSecret(given: string, wanted: string): boolean {
  const left = Buffer.from(given);
  const right = Buffer.from(wanted);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Whether a peer's address is of this machine's loopback. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
  return plain === '::1' || /^127\.\d+\.\d+\.\d+$/.test(plain);
}
