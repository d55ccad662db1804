/** `torua list`: keys in order, as many as asked for. */
import type { Command } from 'commander';
import { encode } from '../../protocol/case.ts';
import { listedKeySchema } from '../../protocol/rest.ts';
import { type ClusterOptions, clusterCommand, withClient } from '../cluster-command.ts';
import { type CliContext, wholeNumberOption } from '../context.ts';

interface ListFlags extends ClusterOptions {
  readonly prefix?: string;
  readonly start?: string;
  readonly end?: string;
  readonly limit?: number;
  readonly long?: boolean;
  readonly values?: boolean;
}

/** The command. */
export function define(context: CliContext): Command {
  return clusterCommand(
    'list',
    'keys, ascending by their bytes; with --json one document per line',
    'torua list --prefix user: --limit 10',
  )
    .option('--prefix <text>', 'keys that start so')
    .option('--start <key>', 'from this key on')
    .option('--end <key>', 'up to before this key')
    .option('--limit <number>', 'so many at most (default: all)', wholeNumberOption)
    .option('--long', 'with bytes, etag and content-type')
    .option('--values', 'with --json: each document holds the value')
    .action((options: ListFlags) =>
      withClient(options, async (client) => {
        const { prefix, start, end, values, limit = Number.POSITIVE_INFINITY } = options;
        let listed = 0;
        if (limit === 0) return;
        for await (const entry of client.list({
          prefix,
          start,
          end,
          values,
          pageSize: Math.min(limit, 1_000),
        })) {
          if (options.json) context.print(JSON.stringify(encode(listedKeySchema, entry)));
          else if (options.long)
            context.print([entry.bytes, entry.etag, entry.contentType, entry.key].join('\t'));
          else context.print(entry.key);
          listed += 1;
          if (listed >= limit) break;
        }
      }),
    );
}
