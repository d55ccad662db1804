/** The cluster's events: those remembered, and those to come. Source: REST contract, section 4. */
import { type Clock, pause } from '../kernel/clock.ts';
import { MEDIA_TYPES } from '../protocol/public.ts';
import {
  type ClusterEvent,
  type EventsAnswer,
  eventSchema,
  eventsAnswerSchema,
} from '../protocol/rest-cluster.ts';
import { decodeAnswer } from './answers.ts';
import type { CallOptions } from './call.ts';
import { queryOf } from './key-path.ts';
import { linesOf } from './lines.ts';
import type { Requester } from './requester.ts';

/** Wait before a broken stream is opened again, in milliseconds. */
const REOPEN_MS = 250;

/** Options of `followEvents`. */
export interface FollowOptions {
  /** Only events after this number. Default: all that the cluster remembers. */
  readonly since?: number | undefined;
  /** Ends the iteration without an error. */
  readonly signal?: AbortSignal | undefined;
}

/** One page of remembered events after `since`, oldest first. */
export async function readEvents(
  requester: Requester,
  since = 0,
  options: CallOptions = {},
): Promise<EventsAnswer> {
  const path = `/cluster/events${queryOf({ since })}`;
  return decodeAnswer(
    eventsAnswerSchema,
    await requester.json({ ...options, method: 'GET', path }),
  );
}

/**
 * Remembered events, then new ones as they happen, without gap or repetition: a broken stream is opened again behind
 * the last event seen. Ends only with the signal, or with an error when the cluster stays unreachable.
 */
export async function* followEvents(
  requester: Requester,
  clock: Clock,
  options: FollowOptions = {},
): AsyncGenerator<ClusterEvent> {
  let since = options.since ?? 0;
  const { signal } = options;
  while (!signal?.aborted) {
    try {
      for await (const event of openStream(requester, since, signal)) {
        if (event.seq <= since) continue;
        since = event.seq;
        yield event;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (!isBroken(error)) throw error;
    }
    await pause(clock, REOPEN_MS, signal);
  }
}

/** Opening fails with ToruaRequestError after its own retries: final. What breaks later is the connection. */
const isBroken = (error: unknown): boolean =>
  !(error instanceof Error && error.name === 'ToruaRequestError');

async function* openStream(
  requester: Requester,
  since: number,
  signal?: AbortSignal,
): AsyncGenerator<ClusterEvent> {
  const answer = await requester.send({
    method: 'GET',
    path: `/cluster/events${queryOf({ since })}`,
    headers: { accept: MEDIA_TYPES.eventStream },
    idleMs: 0,
    signal,
  });
  const stop = (): void => {
    answer.body.destroy();
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for await (const data of serverSentData(linesOf(answer.body)))
      yield decodeAnswer(eventSchema, JSON.parse(data));
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

/** The `data` of each server-sent event; comments, ids and names are skipped. */
export async function* serverSentData(lines: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let data: string[] = [];
  for await (const line of lines) {
    const text = line.toString('utf8').replace(/\r$/, '');
    if (text === '') {
      if (data.length > 0) yield data.join('\n');
      data = [];
    } else if (text.startsWith('data:')) {
      data.push(text.slice('data:'.length).replace(/^ /, ''));
    }
  }
}
