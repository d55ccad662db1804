/** What the cluster did lately: a numbered ring of events, followed live by whoever asks. */
import { isoTime } from '../kernel/clock.ts';

/** An event as users see it: `seq` grows by one, fields in snake_case. */
export type LoggedEvent = {
  readonly seq: number;
  readonly time: string;
  readonly type: string;
} & Readonly<Record<string, unknown>>;

/** Events kept; the contract promises the last 1,000. */
export const EVENTS_KEPT_MAX = 10_000;

/** See the module. */
export class EventLog {
  #events: LoggedEvent[] = [];
  #nextSeq = 1;
  readonly #followers = new Set<(event: LoggedEvent) => void>();

  /** Adds an event in the code's names. */
  add(event: { readonly type: string }, wallMs: number): void {
    const fields = Object.fromEntries(
      Object.entries(event).flatMap(([name, value]) =>
        value === undefined ? [] : [[snakeCase(name), value]],
      ),
    );
    const logged: LoggedEvent = {
      seq: this.#nextSeq,
      time: isoTime(wallMs),
      type: event.type,
      ...fields,
    };
    this.#nextSeq += 1;
    this.#events.push(logged);
    if (this.#events.length > EVENTS_KEPT_MAX * 1.1)
      this.#events = this.#events.slice(-EVENTS_KEPT_MAX);
    for (const follower of this.#followers) follower(logged);
  }

  /**
   * Events with a seq above `since`, oldest first; `next` is what to ask with the next time. A `since` that was never
   * given out is of an earlier life of the coordinator, so all there are are new to whoever asks.
   */
  since(since: number): { events: readonly LoggedEvent[]; next: number } {
    const next = this.#nextSeq - 1;
    const first = this.#events[0]?.seq ?? this.#nextSeq;
    const seen = since > next ? 0 : since;
    return { events: this.#events.slice(Math.max(0, seen + 1 - first)), next };
  }

  /** Calls `follower` for each event from now on, until the returned function is called. */
  follow(follower: (event: LoggedEvent) => void): () => void {
    this.#followers.add(follower);
    return () => {
      this.#followers.delete(follower);
    };
  }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
