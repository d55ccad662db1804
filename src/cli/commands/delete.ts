/** `torua delete`: one key, a prefix, or everything. */
import type { Command } from 'commander';
import { type ClusterOptions, clusterCommand, printJson, withClient } from '../cluster-command.ts';
import { type CliContext, CliError } from '../context.ts';

interface DeleteFlags extends ClusterOptions {
  readonly prefix?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
}

/** The command. */
export function define(context: CliContext): Command {
  return clusterCommand(
    'delete',
    'remove a key, all keys with a prefix, or everything',
    'torua delete greeting',
  )
    .argument('[key]')
    .option('--prefix <text>', 'remove all keys that start so')
    .option('--all', 'remove every key; needs --yes')
    .option('--yes', 'yes, every key')
    .action((key: string | undefined, options: DeleteFlags) => {
      const given = [key, options.prefix, options.all].filter((wish) => wish !== undefined).length;
      if (given !== 1) throw new CliError('usage', 'give a KEY, --prefix or --all');
      if (options.all && !options.yes)
        throw new CliError('usage', 'this removes every key; repeat with --yes');
      return withClient(options, async (client) => {
        if (key !== undefined) {
          await client.delete(key);
          if (options.json) printJson(context, { key });
          return;
        }
        const deleted = await client.deleteRange(
          options.all ? { all: true } : { prefix: options.prefix },
        );
        if (options.json) printJson(context, { deleted });
        else context.print(`${deleted} keys removed`);
      });
    });
}
