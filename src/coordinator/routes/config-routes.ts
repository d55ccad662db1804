/** The settings of the cluster: GET and PUT /cluster/config. Source: REST contract, section 4. */
import type { z } from 'zod';
import { userRoute } from '../../http/user-route.ts';
import { formatDuration } from '../../kernel/config.ts';
import type { ClusterConfig } from '../../protocol/cluster-state.ts';
import {
  configAnswerSchema,
  configChangedSchema,
  configPatchSchema,
  type configViewSchema,
} from '../../protocol/rest-cluster.ts';
import { acknowledgements } from '../cluster-view.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { CoordinatorRuntime } from '../coordinator-runtime.ts';

const base = { url: '/cluster/config', tag: 'cluster' } as const;

/** Declares the routes. */
export function configRoutes(context: CoordinatorApp): void {
  const { app, runtime } = context;
  const route = {
    ...base,
    method: 'GET',
    access: 'read',
    operation: 'config',
    summary: 'The settings of the cluster.',
    answers: { 200: configAnswerSchema },
  } as const;
  userRoute(app, route, () => configView(runtime));
  changeRoute(context);
}

function changeRoute({ app, runtime }: CoordinatorApp): void {
  const route = {
    ...base,
    method: 'PUT',
    access: 'admin',
    operation: 'change_config',
    summary: 'Changes a part of the settings; answers when every live node has them.',
    body: configPatchSchema,
    answers: { 200: configChangedSchema },
  } as const;
  userRoute(app, route, async (request) => {
    runtime.recovery.check();
    const config = patchOf(request.body);
    await runtime.keeper.change({ kind: 'set_config', config }, { found: true });
    const nodes = await acknowledgements(runtime, request.deadline);
    const acknowledged = nodes.every((node) => node.acknowledged);
    return { acknowledged, ...configView(runtime), nodes };
  });
}

function patchOf(body: z.output<typeof configPatchSchema>): {
  [Name in keyof ClusterConfig]?: ClusterConfig[Name] | undefined;
} {
  return {
    healthCheckIntervalMs: body.health_check_interval,
    deadAfterMs: body.dead_after,
    replicationFactor: body.replication_factor,
    autoRebalance: body.auto_rebalance,
    readOnly: body.read_only,
    maxShardsPerNode: body.max_shards_per_node,
    minInSync: body.min_in_sync,
    minNodes: body.min_nodes,
    assignmentDelayMs: body.assignment_delay,
  };
}

function configView(runtime: CoordinatorRuntime): {
  version: number;
  config: z.output<typeof configViewSchema>;
} {
  const { config, configVersion } = runtime.keeper.state;
  return {
    version: configVersion,
    config: {
      health_check_interval: formatDuration(config.healthCheckIntervalMs),
      dead_after: formatDuration(config.deadAfterMs),
      replication_factor: config.replicationFactor,
      auto_rebalance: config.autoRebalance,
      read_only: config.readOnly,
      max_shards_per_node: config.maxShardsPerNode,
      min_in_sync: config.minInSync,
      min_nodes: config.minNodes,
      assignment_delay: formatDuration(config.assignmentDelayMs),
    },
  };
}
