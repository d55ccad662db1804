/** `torua get KEY`: the value's bytes on stdout. */

import { isUtf8 } from 'node:buffer';
import type { Command } from 'commander';
import type { StoredValue } from '../../client/keys.ts';
import { type ClusterOptions, clusterCommand, printJson, withClient } from '../cluster-command.ts';
import { type CliContext, CliError } from '../context.ts';

/** The command. */
export function define(context: CliContext): Command {
  return clusterCommand('get', "write a key's value to stdout, byte for byte", 'torua get greeting')
    .argument('<key>')
    .option('--any', 'any copy may answer, also one that lags')
    .action((key: string, options: ClusterOptions & { any?: boolean }) =>
      withClient(options, async (client) => {
        const read = { consistency: options.any ? ('any' as const) : undefined };
        if (options.json) {
          const stored = await client.get(key, read);
          if (!stored) throw absent(key);
          printJson(context, valueDocument(key, stored));
          return;
        }
        const streamed = await client.getStream(key, read);
        if (!streamed) throw absent(key);
        for await (const piece of streamed.stream) await context.write(piece as Uint8Array);
      }),
    );
}

const absent = (key: string): CliError =>
  new CliError('notFound', `the key ${JSON.stringify(key)} does not exist`);

/** The value as JSON: text as it is, other bytes in base64. Pure. */
export function valueDocument(key: string, stored: StoredValue): object {
  return {
    key,
    etag: stored.etag,
    content_type: stored.contentType,
    bytes: stored.bytes,
    shard_id: stored.shardId,
    node_id: stored.nodeId,
    ...(isUtf8(stored.value)
      ? { value: stored.text() }
      : { value_base64: stored.value.toString('base64') }),
  };
}
