/** `torua cluster recover`: lets a rebuilt coordinator go on without the nodes that are missing. */
import type { Command } from 'commander';
import { type ClusterOptions, clusterCommand, printJson, withClient } from '../cluster-command.ts';
import { type CliContext, CliError, describedCommand } from '../context.ts';

/** The command with its subcommand. */
export function define(context: CliContext): Command {
  const example = 'torua cluster recover --accept-missing';
  const recover = clusterCommand(
    'recover',
    'go on without the nodes that have not come back',
    example,
  )
    .option('--accept-missing', 'required: copies on missing nodes are given up')
    .action((options: ClusterOptions & { acceptMissing?: boolean }) => {
      if (!options.acceptMissing) {
        throw new CliError(
          'usage',
          'copies on missing nodes would be given up; repeat with --accept-missing',
        );
      }
      return withClient(options, async (client) => {
        const answer = await client.recover();
        if (options.json)
          printJson(context, { accepted: answer.accepted, missing_nodes: answer.missingNodes });
        else
          context.print(
            `recovering without ${answer.missingNodes.join(', ') || 'any node missing'}`,
          );
      });
    });
  return describedCommand('cluster', 'repairs of the whole cluster', example).addCommand(recover);
}
