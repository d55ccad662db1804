/** Routes of the contract that come with replication and moves of data: they say so instead of pretending. */
import type { HTTPMethods } from 'fastify';
import { z } from 'zod';
import { userRoute } from '../../http/user-route.ts';
import { ToruaError } from '../../kernel/errors.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import { tableQuerySchema } from '../text-table.ts';

/** Path, methods, and what is missing. */
const NOT_BUILT: readonly (readonly [
  url: string,
  methods: readonly HTTPMethods[],
  what: string,
])[] = [
  ['/shards/:id/move', ['POST'], 'Moving a shard with its data'],
  ['/nodes/maintenance', ['POST'], 'Maintenance of nodes'],
  ['/nodes/:id/evacuate', ['POST', 'GET', 'DELETE'], 'Evacuating a node'],
  ['/cluster/rebalance', ['GET', 'POST'], 'Rebalancing shards that hold data'],
  ['/cluster/load', ['GET'], 'The load of nodes and shards'],
  ['/cluster/upgrade', ['GET', 'POST'], 'Rolling upgrade'],
  ['/_cat/allocation', ['GET'], 'This table'],
  ['/_cat/recovery', ['GET'], 'This table'],
  ['/_cat/tasks', ['GET'], 'This table'],
];

/** Declares them; each answers 501 `not_implemented`. */
export function notBuiltRoutes({ app }: CoordinatorApp): void {
  for (const [url, methods, what] of NOT_BUILT) {
    for (const method of methods) {
      const operation = `${method.toLowerCase()}${url.replaceAll(/[/:]+/g, '_')}`;
      userRoute(
        app,
        {
          method,
          url,
          access: 'admin',
          tag: 'later',
          operation,
          summary: `${what} is not built yet.`,
          bodyKind: 'bytes',
          query: url.startsWith('/_cat/') ? tableQuerySchema : z.strictObject({}),
          answers: { 501: 'Not built yet.' },
        },
        () => {
          throw new ToruaError('not_implemented', `${what} is not built yet.`);
        },
      );
    }
  }
}
