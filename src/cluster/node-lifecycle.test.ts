/** The two life cycles: every cell written out, nothing imported that could agree with itself. */
import { describe, expect, test } from 'vitest';
import { NODE_LIFECYCLE, nextStatus, nodeCell } from './node-lifecycle.ts';

const EVENTS = [
  'registered',
  'restarted',
  'answered',
  'checks_failed',
  'silent',
  'leave_announced',
  'left_empty',
  'stopped_holding',
  'forgotten',
] as const;

const EXPECTED: Readonly<Record<keyof typeof NODE_LIFECYCLE, string>> = {
  absent: 'unknown unknown - - - ! - - !',
  unknown: '- - healthy unhealthy dead leaving absent unhealthy !',
  healthy: '- - - unhealthy dead leaving absent unhealthy !',
  unhealthy: 'healthy healthy healthy - dead leaving absent - !',
  dead: 'healthy healthy healthy - - leaving absent - absent',
  leaving: '- healthy - unhealthy dead - absent unhealthy absent',
  maintenance: '- - - unhealthy dead leaving absent unhealthy !',
  evacuating: '- - - unhealthy dead leaving absent unhealthy !',
};

const STATES = Object.keys(EXPECTED) as (keyof typeof EXPECTED)[];
const CELLS = STATES.flatMap((state) => {
  const cells = EXPECTED[state].split(' ');
  return EVENTS.map((event, index) => [state, event, cells[index] ?? 'missing'] as const);
});

describe('the life of a node', () => {
  // @req: state.transition-table
  test.each(CELLS)('%s, %s: %s', (state, event, cell) => {
    const words = { '-': 'ignored', '!': 'refused' } as Readonly<Record<string, string>>;
    expect(nodeCell(state, event)).toBe(words[cell] ?? cell);
  });

  test('has a row for every state and a cell for every event', () => {
    expect(Object.keys(NODE_LIFECYCLE).sort()).toEqual([...STATES].sort());
    for (const state of STATES) expect(Object.keys(NODE_LIFECYCLE[state])).toEqual(EVENTS);
  });

  test('a status stays when the table ignores or refuses the event, or the node would be gone', () => {
    expect(nextStatus('healthy', 'answered')).toBe('healthy');
    expect(nextStatus('healthy', 'forgotten')).toBe('healthy');
    expect(nextStatus('dead', 'forgotten')).toBe('dead');
    expect(nextStatus('dead', 'answered')).toBe('healthy');
  });
});
