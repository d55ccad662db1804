/** The diagrams of ARCHITECTURE.md, as text. */
import { expect, test } from 'vitest';
import { nodeLifecycleDiagram, shardLifecycleDiagram } from './state-diagram.ts';

// @req: house.diagrams
test('the diagram of a node begins and ends outside and leaves out what nothing leads to', () => {
  const text = nodeLifecycleDiagram();
  expect(text.split('\n').slice(0, 3)).toEqual([
    'stateDiagram-v2',
    '    [*] --> unknown: registered, restarted',
    '    unknown --> healthy: answered',
  ]);
  expect(text).toContain('    dead --> [*]: left_empty, forgotten');
  expect(text).not.toContain('maintenance');
});

// @req: house.diagrams
test('the diagram of a shard begins unassigned and shows every stage', () => {
  expect(shardLifecycleDiagram()).toBe(`stateDiagram-v2
    [*] --> unassigned
    unassigned --> initializing: assigned
    unassigned --> active: copy_found
    unassigned --> unassigned: reset
    initializing --> initializing: assigned, moved, refenced
    initializing --> active: confirmed
    initializing --> unassigned: holder_forgotten, reset
    active --> initializing: moved
    active --> active: refenced
    active --> lost: copy_missing
    active --> unassigned: holder_forgotten, reset
    lost --> initializing: assigned
    lost --> active: copy_found
    lost --> unassigned: holder_forgotten, reset
`);
});
