/**
 * When readers may enter and when a checkpoint may start: the decision, pure. A checkpoint that meets a reader
 * stalls the whole database for 5-7 s and fails (measured), so none ever starts while one reads.
 *
 * Short readers (keys and listings, milliseconds) are held up only while a checkpoint really runs. Long readers
 * (users' graph queries, seconds) are held back as soon as one is due, so that the running ones can end.
 */
import { unreachable } from '../kernel/assert.ts';

/** `short`: milliseconds. `long`: bounded only by its timeout. */
export type ReaderClass = 'short' | 'long';

/**
 * `open`: all enter. `draining`: a checkpoint is due, long readers wait outside. `closed`: the writer's turn has
 * come, all wait outside until the last short reader has left and the checkpoint is over.
 */
export type GatePhase = 'open' | 'draining' | 'closed';

/** Who is inside. Immutable. */
export interface GateState {
  readonly phase: GatePhase;
  readonly short: number;
  readonly long: number;
}

/** What happens at the gate. */
export type GateEvent =
  | { readonly kind: 'entered'; readonly reader: ReaderClass }
  | { readonly kind: 'left'; readonly reader: ReaderClass }
  | { readonly kind: 'checkpoint_due' }
  | { readonly kind: 'checkpoint_turn' }
  | { readonly kind: 'checkpoint_over' };

/** Nobody inside, nothing due. */
export const OPEN_GATE: GateState = { phase: 'open', short: 0, long: 0 };

/** Whether a reader of this class may enter now. Total over phase × class. */
export function mayEnter(state: GateState, reader: ReaderClass): boolean {
  const table: Readonly<Record<GatePhase, Readonly<Record<ReaderClass, boolean>>>> = {
    open: { short: true, long: true },
    draining: { short: true, long: false },
    closed: { short: false, long: false },
  };
  return table[state.phase][reader];
}

/** Whether the checkpoint may take its place in the writer's queue: no long reader is left. */
export function mayTakeTurn(state: GateState): boolean {
  return state.phase === 'draining' && state.long === 0;
}

/** Whether CHECKPOINT may be sent: nobody is inside. */
export function mayCheckpoint(state: GateState): boolean {
  return state.phase === 'closed' && state.short === 0 && state.long === 0;
}

/** The state after an event, or undefined when the event is impossible in this state: a bug of the caller. */
export function afterGateEvent(state: GateState, event: GateEvent): GateState | undefined {
  switch (event.kind) {
    case 'entered':
      return mayEnter(state, event.reader)
        ? { ...state, [event.reader]: state[event.reader] + 1 }
        : undefined;
    case 'left':
      return state[event.reader] > 0
        ? { ...state, [event.reader]: state[event.reader] - 1 }
        : undefined;
    case 'checkpoint_due':
      return state.phase === 'open' ? { ...state, phase: 'draining' } : undefined;
    case 'checkpoint_turn':
      return mayTakeTurn(state) ? { ...state, phase: 'closed' } : undefined;
    case 'checkpoint_over':
      return state.phase === 'open' ? undefined : { ...state, phase: 'open' };
    default:
      return unreachable(event);
  }
}
