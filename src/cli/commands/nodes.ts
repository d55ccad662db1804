/** `torua nodes`: one line per node. */
import type { Command } from 'commander';
import { type ClusterOptions, clusterCommand, printJson, withClient } from '../cluster-command.ts';
import type { CliContext } from '../context.ts';
import { table } from '../format.ts';

const HEADER = ['ID', 'STATUS', 'ADDRESS', 'VERSION', 'LAST CHECK'];

/** The command. */
export function define(context: CliContext): Command {
  return clusterCommand('nodes', 'the nodes and how they are', 'torua nodes').action(
    (options: ClusterOptions) =>
      withClient(options, async (client) => {
        if (options.json) {
          printJson(context, await client.raw.json({ method: 'GET', path: '/nodes' }));
          return;
        }
        const nodes = await client.nodes();
        const rows = nodes.map((node) => [
          node.id,
          node.status,
          node.addr,
          node.version,
          node.lastHealthCheck ?? '-',
        ]);
        context.print(table(HEADER, rows));
      }),
  );
}
