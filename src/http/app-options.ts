/** What the base application is made of, and the bounds it holds. Every process fills this in once, at its start. */
import type { Clock } from '../kernel/clock.ts';
import type { ToruaError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Metrics } from '../kernel/metrics.ts';
import type { Random } from '../kernel/random.ts';

/** Who may call a route; each route declares one. */
export type Access = 'open' | 'read' | 'write' | 'admin' | 'internal';

/** Bounds of the server; each has a default. */
export interface HttpLimits {
  /** Bytes of a body that is collected, unpacked; a route may set its own. */
  readonly bodyBytesMax: number;
  /** Bytes of the request line and all headers: a key of 4 KiB is three times as long when percent-encoded. */
  readonly headerBytesMax: number;
  /** Time for all headers to arrive. */
  readonly headersMs: number;
  /** Time without a byte of a body that was begun, or without a byte taken of an answer that waits. */
  readonly idleMs: number;
  /** Idle connections are kept this long; above our own clients' 60 s, or both sides would race. */
  readonly keepAliveMs: number;
  readonly connectionsMax: number;
  /** Requests being answered; the next one is `overloaded`. */
  readonly requestsMax: number;
  /** Mean delay of the event loop over a second above which users' requests are `overloaded`; 0 switches it off. */
  readonly eventLoopDelayMsMax: number;
  /** Answers from this size on are compressed when the client asks. */
  readonly compressFromBytes: number;
  /** Bytes of an over-long body that are still read, so that the client can read our refusal. */
  readonly discardBytesMax: number;
}

/** Production's bounds. */
export const HTTP_LIMITS: HttpLimits = {
  bodyBytesMax: 1024 * 1024,
  headerBytesMax: 32 * 1024,
  headersMs: 20_000,
  idleMs: 30_000,
  keepAliveMs: 120_000,
  connectionsMax: 10_000,
  requestsMax: 5_000,
  eventLoopDelayMsMax: 500,
  compressFromBytes: 8 * 1024,
  discardBytesMax: 64 * 1024 * 1024,
};

/** What `/health` says besides what this room knows by itself. */
export interface HealthReport {
  readonly cluster: {
    readonly nodes: number;
    readonly shards: number;
    readonly replicas: number;
    readonly state: string;
  };
  /** Why it is unhealthy, or what to look at; empty when all is well. */
  readonly reasons: readonly string[];
}

/** What the standard routes ask the process. */
export interface Probes {
  /** Undefined when ready; else why not, as the answer of `/readyz`. */
  readiness(): ToruaError | undefined;
  health(): HealthReport;
}

/** Everything the base application needs. */
export interface AppOptions {
  /** `coordinator` or `node`; title of the API document. */
  readonly name: string;
  /** The reported version. */
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly probes: Probes;
  /** `CLUSTER_TOKEN`; without it only loopback peers may call internal routes. */
  readonly clusterToken?: string | undefined;
  /** `REQUEST_TIMEOUT`: a request's time when it does not name one. */
  readonly requestTimeoutMs: number;
  readonly limits?: Partial<HttpLimits> | undefined;
  /** One of so many ordinary requests is logged; default 100. */
  readonly logEvery?: number | undefined;
  /** Requests that take longer are logged; default 1000 ms. */
  readonly slowMs?: number | undefined;
  /** Checks answers against their schemas, as tests do; a mismatch is `invariant_broken`. */
  readonly checkAnswers?: boolean | undefined;
}

/** The options with every bound filled in. */
export interface AppContext extends AppOptions {
  readonly bounds: HttpLimits;
  readonly startedAtMs: number;
}
