/** The cluster as its routes see it: numbers and colour now, and who has stored the newest state. */

import { nodesById } from '../cluster/state-access.ts';
import { type ClusterSummary, summarize } from '../cluster/summary.ts';
import { pause } from '../kernel/clock.ts';
import type { Deadline } from '../kernel/deadline.ts';
import type { CoordinatorRuntime } from './coordinator-runtime.ts';

/** Pause between two looks while a request waits for the cluster, milliseconds. */
export const LOOK_AGAIN_MS = 25;
/** Left of a request's time for the answer itself, milliseconds. */
const SPARE_MS = 100;

/** The cluster in numbers, as seen now. While the state is being recovered everything is red. */
export function summaryOf(runtime: CoordinatorRuntime): ClusterSummary {
  const { state } = runtime.keeper;
  const summary = summarize(state, runtime.book.facts(state));
  return runtime.recovery.active ? { ...summary, colour: 'red' } : summary;
}

/** A node and whether it has stored what it was to store. */
export interface Acknowledgement {
  readonly node_id: string;
  readonly acknowledged: boolean;
}

/** Waits until every live node has stored the present state; who has not by the deadline is reported so. */
export async function acknowledgements(
  runtime: CoordinatorRuntime,
  deadline: Deadline,
): Promise<Acknowledgement[]> {
  const { version } = runtime.keeper.state;
  for (;;) {
    const nodes = acknowledgementsNow(runtime, version);
    const isOver = deadline.remainingMs() <= SPARE_MS || runtime.stopping;
    if (isOver || nodes.every((node) => node.acknowledged)) return nodes;
    await pause(runtime.world.clock, LOOK_AGAIN_MS);
  }
}

function acknowledgementsNow(runtime: CoordinatorRuntime, version: number): Acknowledgement[] {
  const { keeper, pusher, book } = runtime;
  const { liveNodes } = book.facts(keeper.state);
  return nodesById(keeper.state)
    .filter((node) => node.directoryId !== undefined && liveNodes.has(node.id))
    .map(({ id }) => ({ node_id: id, acknowledged: pusher.hasStored(id, version) }));
}
