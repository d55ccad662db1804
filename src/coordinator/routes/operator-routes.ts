/** What only an operator decides: recovery with nodes missing, and the end of all data. Source: contract, section 4. */
import { userRoute } from '../../http/user-route.ts';
import { pause } from '../../kernel/clock.ts';
import { ToruaError } from '../../kernel/errors.ts';
import {
  recoverAnswerSchema,
  recoverRequestSchema,
  resetRequestSchema,
} from '../../protocol/rest-cluster.ts';
import { acknowledgements, LOOK_AGAIN_MS } from '../cluster-view.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';

const base = { method: 'POST', access: 'admin', tag: 'cluster' } as const;

/** Declares the routes. */
export function operatorRoutes(context: CoordinatorApp): void {
  recoverRoute(context);
  resetRoute(context);
}

function recoverRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    ...base,
    url: '/cluster/recover',
    operation: 'recover',
    summary: 'Goes on without the nodes that a rebuilt coordinator waits for.',
    body: recoverRequestSchema,
    answers: { 202: recoverAnswerSchema },
  } as const;
  userRoute(app, route, async (_request, reply) => {
    const missing = await runtime.recovery.acceptMissing();
    return reply.code(202).send({ accepted: true, missing_nodes: missing });
  });
}

function resetRoute({ app, runtime, allowReset }: CoordinatorApp): void {
  const route = {
    ...base,
    url: '/cluster/reset',
    operation: 'reset',
    summary: 'Deletes all data, keeps nodes and config.',
    body: resetRequestSchema,
    answers: { 204: 'All data is gone.' },
  } as const;
  userRoute(app, route, async (request, reply) => {
    const { deadline } = request;
    if (!allowReset) {
      throw new ToruaError('reset_not_allowed', 'ALLOW_RESET is not true on this coordinator.');
    }
    runtime.recovery.check();
    const { clusterId } = runtime.keeper.state;
    if (request.body.confirm !== clusterId) {
      const detail = `confirm must be the cluster's id, ${clusterId}.`;
      throw new ToruaError('reset_not_confirmed', detail);
    }
    await runtime.keeper.change({ kind: 'reset' });
    // A shard that no node can take is not waited for: it holds nothing, and that is what was asked for.
    while (runtime.keeper.routing.places.some(({ stage }) => stage === 'initializing')) {
      deadline.check('the shards were created anew');
      await pause(runtime.world.clock, LOOK_AGAIN_MS);
    }
    await acknowledgements(runtime, deadline);
    return reply.code(204).send();
  });
}
