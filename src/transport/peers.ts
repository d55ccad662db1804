/** All addresses this process talks to. Pools of addresses that vanished from the cluster are closed. */
import { ToruaError } from '../kernel/errors.ts';
import { createPeer, PEER_LIMITS, type Peer, type PeerLimits } from './peer.ts';

/** Addresses known at once; far above any cluster's size, so that a fault cannot open pools without end. */
const PEERS_MAX = 4_096;

/** The peers of one process; shared by the wire and the value streams. */
export interface Peers {
  readonly limits: PeerLimits;
  /** The peer at an address, made on first use. Errors: `node_unreachable` for an address that is no http URL. */
  at(address: string): Peer;
  /** Closes the pools of every address that is not among these. */
  keepOnly(addresses: ReadonlySet<string>): void;
  /** Addresses whose circuit is open. */
  circuitsOpen(): number;
  close(): Promise<void>;
}

/** No connection is made before it is needed. */
export function createPeers(limits: Partial<PeerLimits> = {}): Peers {
  const bounds = { ...PEER_LIMITS, ...limits };
  const peers = new Map<string, Peer>();
  return {
    limits: bounds,
    at: (address) => {
      let peer = peers.get(address);
      if (peer === undefined) {
        peer = createPeer(checkedAddress(address, peers.size), bounds);
        peers.set(address, peer);
      }
      return peer;
    },
    keepOnly: (addresses) => {
      for (const [address, peer] of peers) {
        if (addresses.has(address)) continue;
        peers.delete(address);
        void peer.close();
      }
    },
    circuitsOpen: () => [...peers.values()].filter((peer) => peer.circuitOpen()).length,
    close: async () => {
      await Promise.all([...peers.values()].map((peer) => peer.close()));
      peers.clear();
    },
  };
}

function checkedAddress(address: string, known: number): string {
  if (known >= PEERS_MAX)
    throw new ToruaError('overloaded', `More than ${PEERS_MAX} addresses are in use.`);
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (
    url === undefined ||
    (url.protocol !== 'http:' && url.protocol !== 'https:') ||
    url.pathname !== '/'
  ) {
    throw new ToruaError(
      'node_unreachable',
      `${JSON.stringify(address)} is not an address such as http://host:port.`,
      { fields: { sent: false } },
    );
  }
  return url.origin;
}
