/** `torua shards`: where each shard is; `torua shards skip` gives up a record that was kept aside. */
import type { Command } from 'commander';
import { type ClusterOptions, clusterCommand, printJson, withClient } from '../cluster-command.ts';
import { type CliContext, CliError, wholeNumberOption } from '../context.ts';
import { table } from '../format.ts';

const HEADER = ['SHARD', 'STATE', 'PRIMARY', 'IN SYNC', 'TERM'];

/** The command with its subcommand. */
export function define(context: CliContext): Command {
  return clusterCommand('shards', 'where the shards are', 'torua shards')
    .action((options: ClusterOptions) =>
      withClient(options, async (client) => {
        if (options.json) {
          printJson(context, await client.raw.json({ method: 'GET', path: '/shards' }));
          return;
        }
        const shards = await client.shards();
        const rows = shards.map((shard) => [
          shard.shardId,
          shard.state,
          shard.nodeId || '-',
          shard.inSync.join(',') || '-',
          shard.term,
        ]);
        context.print(table(HEADER, rows));
      }),
    )
    .addCommand(skipCommand(context));
}

function skipCommand(context: CliContext): Command {
  const example = 'torua shards skip 2 --seq 4711 --accept-data-loss';
  return clusterCommand(
    'skip',
    'give up a record that could not be applied and was kept aside',
    example,
  )
    .argument('<shard>', 'number of the shard', wholeNumberOption)
    .requiredOption('--seq <number>', 'number of the record', wholeNumberOption)
    .option('--accept-data-loss', 'required: the record is lost')
    .action(
      (shard: number, options: ClusterOptions & { seq: number; acceptDataLoss?: boolean }) => {
        if (!options.acceptDataLoss)
          throw new CliError('usage', 'the record would be lost; repeat with --accept-data-loss');
        return withClient(options, async (client) => {
          await client.skip(shard, options.seq);
          if (options.json) printJson(context, { shard_id: shard, seq: options.seq });
          else context.print(`record ${options.seq} of shard ${shard} is skipped`);
        });
      },
    );
}
