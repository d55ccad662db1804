/** `torua config get|set`: the settings that a running cluster can change. */
import type { Command } from 'commander';
import { type ClusterOptions, clusterCommand, printJson, withClient } from '../cluster-command.ts';
import { type CliContext, CliError, describedCommand } from '../context.ts';
import { settingValue } from '../format.ts';

interface ConfigDocument {
  readonly version: number;
  readonly config: Readonly<Record<string, unknown>>;
}

/** The command with its subcommands. */
export function define(context: CliContext): Command {
  return describedCommand(
    'config',
    'read and change settings of the running cluster',
    'torua config get',
  )
    .addCommand(getCommand(context))
    .addCommand(setCommand(context));
}

function getCommand(context: CliContext): Command {
  return clusterCommand('get', 'all settings, or one', 'torua config get read_only')
    .argument('[name]')
    .action((name: string | undefined, options: ClusterOptions) =>
      withClient(options, async (client) => {
        const document = (await client.raw.json({
          method: 'GET',
          path: '/cluster/config',
        })) as ConfigDocument;
        const value = name === undefined ? undefined : document.config[name];
        if (name !== undefined && value === undefined) {
          throw new CliError(
            'notFound',
            `${name} is not a setting; there are ${Object.keys(document.config).join(', ')}`,
          );
        }
        if (options.json) printJson(context, name === undefined ? document : value);
        else if (name !== undefined) context.print(String(value));
        else context.print(settingsText(document.config));
      }),
    );
}

const settingsText = (config: Readonly<Record<string, unknown>>): string =>
  Object.entries(config)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n');

function setCommand(context: CliContext): Command {
  return clusterCommand(
    'set',
    'change settings; done when every live node confirmed',
    'torua config set read_only=true health_check_interval=500ms',
  )
    .argument('<name=value...>')
    .action((settings: string[], options: ClusterOptions) => {
      const part = partOf(settings);
      return withClient(options, async (client) => {
        const document = (await client.raw.json({
          method: 'PUT',
          path: '/cluster/config',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(part),
        })) as ConfigDocument;
        if (options.json) printJson(context, document);
        else context.print(`configuration version ${document.version}`);
      });
    });
}

/** `name=value` pairs as a document. Errors: a usage error for anything else. Pure. */
export function partOf(settings: readonly string[]): Record<string, string | number | boolean> {
  const part: Record<string, string | number | boolean> = {};
  for (const setting of settings) {
    const at = setting.indexOf('=');
    if (at < 1) throw new CliError('usage', `write name=value, not ${JSON.stringify(setting)}`);
    part[setting.slice(0, at)] = settingValue(setting.slice(at + 1));
  }
  return part;
}
