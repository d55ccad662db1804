/** `torua put KEY [VALUE]`: stores the argument, a file or stdin. */
import { createReadStream, existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { RequestBody } from '../../client/call.ts';
import { type ClusterOptions, clusterCommand, printJson, withClient } from '../cluster-command.ts';
import { type CliContext, CliError } from '../context.ts';

interface PutFlags extends ClusterOptions {
  readonly file?: string;
  readonly contentType?: string;
  readonly ttl?: string;
  readonly ifMatch?: string;
  readonly ifAbsent?: boolean;
}

/** The command. */
export function define(context: CliContext): Command {
  return clusterCommand(
    'put',
    'store a value; without VALUE and --file it is read from stdin',
    'torua put greeting "hello world"',
  )
    .argument('<key>')
    .argument('[value]')
    .option('--file <path>', 'the value is the content of this file')
    .option('--content-type <type>', 'the type that GET answers')
    .option('--ttl <duration>', 'the value ends after this time, such as 30s')
    .option('--if-match <etag>', 'only when the stored value has this etag')
    .option('--if-absent', 'only when the key does not exist')
    .action((key: string, value: string | undefined, options: PutFlags) => {
      const body = bodyOf(context, value, options.file);
      return withClient(options, async (client) => {
        const { etag } = await client.put(key, body, {
          contentType: options.contentType,
          ttl: options.ttl,
          ifMatch: options.ifMatch,
          ifNoneMatch: options.ifAbsent ? '*' : undefined,
        });
        if (options.json) printJson(context, { key, etag });
      });
    });
}

function bodyOf(
  context: CliContext,
  value: string | undefined,
  file: string | undefined,
): RequestBody {
  if (value !== undefined && file !== undefined)
    throw new CliError('usage', 'give VALUE or --file, not both');
  if (value !== undefined) return value;
  if (file === undefined) return context.input();
  if (!existsSync(file)) throw new CliError('usage', `the file ${file} does not exist`);
  return () => createReadStream(file);
}
