/** One address we talk to: its connection pools and the circuit breaker in front of them. */
import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
} from 'cockatiel';
import { Pool } from 'undici';
import { ToruaError } from '../kernel/errors.ts';

/** Bounds of the traffic to one address. */
export interface PeerLimits {
  /** Connections for small requests. Source: data-path measurements, 8 is enough and 2 cost more CPU. */
  readonly connectionsMax: number;
  /** Connections for value streams, apart from the others so that they never stand in a batch's way. */
  readonly streamConnectionsMax: number;
  /** Idle connections are closed after this; below the server's 120 s, or both sides would race. */
  readonly keepAliveMs: number;
  readonly connectTimeoutMs: number;
  /** Bytes of one answer that is not streamed; a longer one is `bad_node_answer`. */
  readonly answerBytesMax: number;
  /** Connection failures in a row that open the circuit. */
  readonly breakerFailures: number;
  /** How long the circuit stays open before one request may try again. */
  readonly breakerOpenMs: number;
  /** Requests of one address that wait for a connection or an answer. */
  readonly requestsMax: number;
}

/** Production's bounds. */
export const PEER_LIMITS: PeerLimits = {
  connectionsMax: 8,
  streamConnectionsMax: 16,
  keepAliveMs: 60_000,
  connectTimeoutMs: 2_000,
  answerBytesMax: 64 * 1024 * 1024,
  breakerFailures: 5,
  breakerOpenMs: 1_000,
  requestsMax: 1_024,
};

/** An address with its pools. */
export interface Peer {
  readonly address: string;
  readonly requests: Pool;
  readonly streams: Pool;
  /** Requests on their way. */
  inFlight: number;
  /** Runs the work unless the circuit is open. Errors: the work's own, or `node_unreachable`. */
  guarded<T>(work: () => Promise<T>): Promise<T>;
  /** Whether the circuit is open now. */
  circuitOpen(): boolean;
  /** Ends idle connections at once and the others when they are done. */
  close(): Promise<void>;
}

/** Creates the pools; no connection is made before the first request. */
export function createPeer(address: string, limits: PeerLimits): Peer {
  const pool = (connections: number): Pool =>
    new Pool(address, {
      connections,
      pipelining: 1,
      keepAliveTimeout: limits.keepAliveMs,
      keepAliveMaxTimeout: limits.keepAliveMs,
      connectTimeout: limits.connectTimeoutMs,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  const requests = pool(limits.connectionsMax);
  const streams = pool(limits.streamConnectionsMax);
  const breaker = circuitBreaker(handleWhen(isConnectionFailure), {
    halfOpenAfter: limits.breakerOpenMs,
    breaker: new ConsecutiveBreaker(limits.breakerFailures),
  });
  return {
    address,
    requests,
    streams,
    inFlight: 0,
    guarded: (work) => throughBreaker(breaker, address, work),
    circuitOpen: () => breaker.state === CircuitState.Open,
    close: async () => {
      await Promise.allSettled([requests.close(), streams.close()]);
    },
  };
}

/**
 * Only failures to reach the peer count: a caller with a short deadline must not be able to open the circuit for
 * everybody, and an answer of any kind proves that the peer lives.
 */
function isConnectionFailure(error: Error): boolean {
  return error instanceof ToruaError && error.code === 'node_unreachable';
}

async function throughBreaker<T>(
  breaker: CircuitBreakerPolicy,
  address: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await breaker.execute(work);
  } catch (error) {
    if (!(error instanceof BrokenCircuitError)) throw error;
    throw new ToruaError(
      'node_unreachable',
      `${address} could not be reached several times in a row; it is tried again within a second.`,
      {
        fields: { sent: false },
        retryAfterMs: 1_000,
      },
    );
  }
}
