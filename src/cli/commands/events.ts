/** `torua events`: what happened, and with --follow what happens. */
import type { Command } from 'commander';
import { encode } from '../../protocol/case.ts';
import { type ClusterEvent, eventSchema } from '../../protocol/rest-cluster.ts';
import { type ClusterOptions, clusterCommand, withClient } from '../cluster-command.ts';
import { type CliContext, wholeNumberOption } from '../context.ts';
import { eventText } from '../format.ts';

/** The command. */
export function define(context: CliContext): Command {
  return clusterCommand(
    'events',
    "the cluster's events, oldest first; with --json one document per line",
    'torua events --follow',
  )
    .option('--since <number>', 'only events after this one', wholeNumberOption, 0)
    .option('--follow', 'go on until Ctrl-C')
    .action((options: ClusterOptions & { since: number; follow?: boolean }) =>
      withClient(options, async (client) => {
        const show = (event: ClusterEvent): void => {
          const wire = encode(eventSchema, event);
          context.print(options.json ? JSON.stringify(wire) : eventText(wire));
        };
        if (!options.follow) {
          const page = await client.events(options.since);
          page.events.forEach(show);
          return;
        }
        for await (const event of client.follow({ since: options.since, signal: context.stop }))
          show(event);
      }),
    );
}
