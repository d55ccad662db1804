/**
 * The SDK that users install: `import { createClient } from 'torua'`. It speaks HTTP like any user, types every
 * answer in the code's names, repeats what is safe to repeat, and streams what is large.
 */
import { attendedClock, type Clock } from '../kernel/clock.ts';
import { type Random, systemRandom } from '../kernel/random.ts';
import type { BulkAnswer } from '../protocol/rest.ts';
import type { ClusterEvent, EventsAnswer } from '../protocol/rest-cluster.ts';
import { type BulkOperation, bulk } from './bulk.ts';
import type { CallOptions } from './call.ts';
import { type ClusterCalls, clusterCalls } from './cluster-calls.ts';
import { type FollowOptions, followEvents, readEvents } from './events.ts';
import { type KeyCalls, keyCalls } from './keys.ts';
import { createRequester, type Requester } from './requester.ts';
import { DEFAULT_RETRY, type RetryPolicy } from './retry-policy.ts';

/** How a client reaches its cluster. */
export interface ClientOptions {
  /** Address of a coordinator, `http://host:port`. */
  readonly url: string;
  /** Sent as a bearer token. */
  readonly token?: string | undefined;
  /** For each call with its retries, in milliseconds. Default 10,000, as the cluster's own. */
  readonly timeoutMs?: number | undefined;
  /** Parts of the retry policy; false: each request is sent once. */
  readonly retry?: Partial<RetryPolicy> | false | undefined;
  /** Connections kept open at most. Default 32. */
  readonly connections?: number | undefined;
}

/** A cluster as a program sees it. Errors of all calls: ToruaRequestError. */
export interface ToruaClient extends KeyCalls, ClusterCalls {
  readonly url: string;
  /** Many operations as a stream; one answer per operation, in order. Source: bulk.ts. */
  bulk(
    operations: AsyncIterable<BulkOperation> | Iterable<BulkOperation>,
    options?: CallOptions,
  ): AsyncGenerator<BulkAnswer>;
  /** Remembered events after `since`, oldest first. */
  events(since?: number, options?: CallOptions): Promise<EventsAnswer>;
  /** Remembered events, then new ones as they happen, until the signal ends it. */
  follow(options?: FollowOptions): AsyncGenerator<ClusterEvent>;
  /** Any other request, with the same retries; for routes that have no call of their own. JSON in the wire's names. */
  readonly raw: Pick<Requester, 'send' | 'json'>;
  /** Ends the connections after the calls under way. */
  close(): Promise<void>;
}

/** Time and chance; replaced in tests. */
export interface ClientParts {
  readonly clock: Clock;
  readonly random: Random;
}

/** A client for one cluster. It opens connections when they are needed and keeps them. */
export function createClient(
  options: ClientOptions,
  parts: ClientParts = { clock: attendedClock, random: systemRandom },
): ToruaClient {
  const { clock, random } = parts;
  const timeoutMs = options.timeoutMs ?? 10_000;
  const retry = options.retry === false ? undefined : { ...DEFAULT_RETRY, ...options.retry };
  const requester = createRequester(
    {
      url: options.url,
      token: options.token,
      timeoutMs,
      retry,
      connections: options.connections ?? 32,
    },
    clock,
    random,
  );
  return {
    url: options.url,
    ...keyCalls(requester),
    ...clusterCalls(requester),
    bulk: (operations, callOptions) =>
      bulk({ requester, clock, random, timeoutMs, retry }, operations, callOptions),
    events: (since, callOptions) => readEvents(requester, since, callOptions),
    follow: (followOptions) => followEvents(requester, clock, followOptions),
    raw: { send: requester.send, json: requester.json },
    close: requester.close,
  };
}
