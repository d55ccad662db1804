/** Commands that talk to a cluster: their options, their client, their JSON. */
import { type Command, Option } from 'commander';
import { createClient, type ToruaClient } from '../client/client.ts';
import { formatDuration } from '../kernel/config.ts';
import { readCliConfig } from './config.ts';
import { type CliContext, describedCommand, durationOption } from './context.ts';

/** How long a command repeats a refused connection, in milliseconds: people wait in front of it. */
const REFUSED_MS = 1_500;

/** Options that every command which talks to a cluster has. */
export interface ClusterOptions {
  readonly url?: string | undefined;
  readonly timeout: number;
  readonly json?: boolean | undefined;
}

/** As `describedCommand`, for commands that talk to a cluster: --url, --timeout, --json. */
export function clusterCommand(
  name: string,
  description: string,
  example: string,
  timeoutMs = 10_000,
): Command {
  return describedCommand(name, description, example)
    .option(
      '--url <url>',
      'address of a coordinator (default: TORUA_URL, else http://127.0.0.1:8080)',
    )
    .addOption(timeoutOption(timeoutMs))
    .option('--json', 'JSON instead of text, in the names of the HTTP answers');
}

function timeoutOption(timeoutMs: number): Option {
  return new Option('--timeout <duration>', 'for each request with its retries')
    .argParser(durationOption)
    .default(timeoutMs, formatDuration(timeoutMs));
}

/** Runs the work with a client that is closed afterwards. */
export async function withClient(
  options: ClusterOptions,
  work: (client: ToruaClient) => Promise<void>,
): Promise<void> {
  const config = readCliConfig();
  const client = createClient({
    url: options.url ?? config.url,
    token: config.token,
    timeoutMs: options.timeout,
    retry: { refusedMs: REFUSED_MS },
  });
  try {
    await work(client);
  } finally {
    await client.close();
  }
}

/** A JSON document on stdout, indented. */
export function printJson(context: CliContext, document: unknown): void {
  context.print(JSON.stringify(document, undefined, 2));
}
