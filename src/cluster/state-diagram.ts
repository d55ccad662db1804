/** Transition tables as Mermaid text, for ARCHITECTURE.md: a diagram drawn from the table cannot disagree with it. */
import { NODE_LIFECYCLE } from './node-lifecycle.ts';
import { SHARD_LIFECYCLE } from './shard-lifecycle.ts';

type Table = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The life of a node as a Mermaid `stateDiagram-v2`; statuses that nothing leads to are left out. */
export const nodeLifecycleDiagram = (): string => draw(NODE_LIFECYCLE, 'absent', true);

/** The stages of a shard as a Mermaid `stateDiagram-v2`. */
export const shardLifecycleDiagram = (): string => draw(SHARD_LIFECYCLE, 'unassigned', false);

function draw(table: Table, start: string, startIsOutside: boolean): string {
  const name = (state: string): string => (startIsOutside && state === start ? '[*]' : state);
  const lines = ['stateDiagram-v2'];
  if (!startIsOutside) lines.push(`    [*] --> ${start}`);
  for (const state of reachable(table, start)) {
    for (const [target, events] of targets(table[state] ?? {})) {
      lines.push(`    ${name(state)} --> ${name(target)}: ${events.join(', ')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function reachable(table: Table, start: string): readonly string[] {
  const found = new Set([start]);
  for (const state of found) {
    for (const [target] of targets(table[state] ?? {})) found.add(target);
  }
  return [...found];
}

function targets(row: Readonly<Record<string, string>>): ReadonlyMap<string, string[]> {
  const result = new Map<string, string[]>();
  for (const [event, cell] of Object.entries(row)) {
    if (cell === 'ignored' || cell === 'refused') continue;
    result.set(cell, [...(result.get(cell) ?? []), event]);
  }
  return result;
}
