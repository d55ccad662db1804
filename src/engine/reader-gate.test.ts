import { describe, expect, test } from 'vitest';
import {
  afterGateEvent,
  type GatePhase,
  type GateState,
  mayCheckpoint,
  mayEnter,
  mayTakeTurn,
} from './reader-gate.ts';

const PHASES: readonly GatePhase[] = ['open', 'draining', 'closed'];
const at = (phase: GatePhase, short = 0, long = 0): GateState => ({ phase, short, long });

describe('who may enter', () => {
  test.each([
    ['open', true, true],
    ['draining', true, false],
    ['closed', false, false],
  ] as const)('%s: short %s, long %s', (phase, short, long) => {
    expect([mayEnter(at(phase), 'short'), mayEnter(at(phase), 'long')]).toEqual([short, long]);
  });
});

describe('every event in every phase', () => {
  test.each([
    [
      'entered short',
      { kind: 'entered', reader: 'short' },
      [at('open', 2, 1), at('draining', 2, 1), undefined],
    ],
    ['entered long', { kind: 'entered', reader: 'long' }, [at('open', 1, 2), undefined, undefined]],
    [
      'left short',
      { kind: 'left', reader: 'short' },
      [at('open', 0, 1), at('draining', 0, 1), at('closed', 0, 1)],
    ],
    [
      'left long',
      { kind: 'left', reader: 'long' },
      [at('open', 1, 0), at('draining', 1, 0), at('closed', 1, 0)],
    ],
    ['checkpoint_due', { kind: 'checkpoint_due' }, [at('draining', 1, 1), undefined, undefined]],
    ['checkpoint_turn', { kind: 'checkpoint_turn' }, [undefined, undefined, undefined]],
    [
      'checkpoint_over',
      { kind: 'checkpoint_over' },
      [undefined, at('open', 1, 1), at('open', 1, 1)],
    ],
  ] as const)('%s', (_name, event, wanted) => {
    expect(PHASES.map((phase) => afterGateEvent(at(phase, 1, 1), event))).toEqual(wanted);
  });

  test('nobody leaves who is not inside', () => {
    for (const phase of PHASES) {
      expect(afterGateEvent(at(phase), { kind: 'left', reader: 'short' })).toBeUndefined();
      expect(afterGateEvent(at(phase), { kind: 'left', reader: 'long' })).toBeUndefined();
    }
  });
});

test('a checkpoint takes its turn only without long readers, and starts only when nobody is inside', () => {
  expect(
    [at('open'), at('draining', 3, 1), at('draining', 3, 0), at('closed')].map(mayTakeTurn),
  ).toEqual([false, false, true, false]);
  expect(
    [at('open'), at('draining'), at('closed', 1), at('closed', 0, 1), at('closed')].map(
      mayCheckpoint,
    ),
  ).toEqual([false, false, false, false, true]);
  expect(afterGateEvent(at('draining', 3), { kind: 'checkpoint_turn' })).toEqual(at('closed', 3));
});
