/** `torua status`: the cluster in five lines. */
import type { Command } from 'commander';
import type { ClusterHealth, ClusterInfo } from '../../protocol/rest-cluster.ts';
import { type ClusterOptions, clusterCommand, printJson, withClient } from '../cluster-command.ts';
import type { CliContext } from '../context.ts';
import { secondsText } from '../format.ts';

/** The command. */
export function define(context: CliContext): Command {
  return clusterCommand('status', 'colour, nodes and shards of the cluster', 'torua status').action(
    (options: ClusterOptions) =>
      withClient(options, async (client) => {
        if (options.json) {
          const info = await client.raw.json({ method: 'GET', path: '/cluster/info' });
          const health = await client.raw.json({ method: 'GET', path: '/cluster/health' });
          printJson(context, { info, health });
          return;
        }
        context.print(statusText(await client.info(), await client.health()));
      }),
  );
}

/** The status for people. Pure. */
export function statusText(info: ClusterInfo, health: ClusterHealth): string {
  return [
    `cluster   ${info.clusterId} is ${info.clusterState}`,
    `nodes     ${info.healthyNodes} of ${info.totalNodes} healthy`,
    `shards    ${info.assignedShards} of ${info.totalShards} assigned, ${health.activePrimaries} primaries and ${health.activeReplicas} replicas live`,
    `version   ${info.coordinatorVersion}, up ${secondsText(info.uptime)}, state version ${info.stateVersion}`,
    ...health.warnings.map((warning) => `warning   ${warning}`),
  ].join('\n');
}
