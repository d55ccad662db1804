/** `torua reset --yes`: deletes all data of a cluster that allows it. */
import type { Command } from 'commander';
import { type ClusterOptions, clusterCommand, printJson, withClient } from '../cluster-command.ts';
import { type CliContext, CliError } from '../context.ts';

/** The command. */
export function define(context: CliContext): Command {
  return clusterCommand(
    'reset',
    'delete all data, keep nodes and settings; the cluster must have ALLOW_RESET=true',
    'torua reset --yes',
  )
    .option('--yes', 'required: all data is lost')
    .action((options: ClusterOptions & { yes?: boolean }) => {
      if (!options.yes) throw new CliError('usage', 'this deletes all data; repeat with --yes');
      return withClient(options, async (client) => {
        await client.reset();
        if (options.json) printJson(context, { reset: true });
        else context.print('all data is deleted');
      });
    });
}
