/** The commands by name, loaded when they are needed: a supervisor that runs for weeks does not carry an HTTP client. */
import { Command, CommanderError } from 'commander';
import { ToruaRequestError } from '../client/request-error.ts';
import { ERROR_CODES } from '../kernel/error-codes.ts';
import { isErrorCode, ToruaError } from '../kernel/errors.ts';
import { packageVersion } from './config.ts';
import { type CliContext, CliError } from './context.ts';
import { type ExitName, exitCodesText, exitNameOf } from './exit-codes.ts';

interface CommandModule {
  define(context: CliContext): Command;
}

const COMMANDS: Readonly<Record<string, () => Promise<CommandModule>>> = {
  status: () => import('./commands/status.ts'),
  nodes: () => import('./commands/nodes.ts'),
  shards: () => import('./commands/shards.ts'),
  get: () => import('./commands/get.ts'),
  put: () => import('./commands/put.ts'),
  delete: () => import('./commands/delete.ts'),
  list: () => import('./commands/list.ts'),
  load: () => import('./commands/load.ts'),
  events: () => import('./commands/events.ts'),
  config: () => import('./commands/config.ts'),
  reset: () => import('./commands/reset.ts'),
  cluster: () => import('./commands/cluster.ts'),
  dev: () => import('./commands/dev.ts'),
  supervise: () => import('./commands/supervise.ts'),
  inspect: () => import('./commands/inspect.ts'),
};

/** The names of all commands, in the order of the help. */
export const COMMAND_NAMES: readonly string[] = Object.keys(COMMANDS);

/** Runs the command that the words name. Errors: whatever `reportFailure` understands. */
export async function run(context: CliContext, words: readonly string[]): Promise<void> {
  const program = await buildProgram(context, words[0]);
  await program.parseAsync([...words], { from: 'user' });
}

/** The program with the one command, or with all when it is not one of ours. */
export async function buildProgram(context: CliContext, only?: string): Promise<Command> {
  const program = new Command('torua')
    .description('A cluster of Torua from the command line; it talks HTTP like any user.')
    .version(packageVersion(), '--version', 'print the version of this package')
    .addHelpText('after', `\n${exitCodesText()}\n\nExample:\n  $ torua dev --exec "npm test"`)
    .configureOutput({
      writeOut: (text) => context.print(text.trimEnd()),
      writeErr: (text) => context.tell(text.trimEnd()),
    })
    .showHelpAfterError('(add --help for what is allowed)')
    .exitOverride();
  const names = only !== undefined && Object.hasOwn(COMMANDS, only) ? [only] : COMMAND_NAMES;
  for (const name of names) {
    const module = await COMMANDS[name]?.();
    if (module) program.addCommand(inheriting(program, module.define(context)));
  }
  return program;
}

/** Commander copies settings to commands made by `.command()` only; ours are made in their own files. */
function inheriting(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheriting(command, child);
  return command;
}

/** Tells a failure on stderr and gives the exit it means. A bug is thrown again. */
export function reportFailure(
  error: unknown,
  options: { json: boolean; tell: (text: string) => void },
): ExitName {
  // Commander has told its own errors already; asking for help is none.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 'ok' : 'usage';
  if (error instanceof CliError) {
    options.tell(
      options.json
        ? JSON.stringify({ code: error.exit, detail: error.message })
        : `torua: ${error.message}`,
    );
    return error.exit;
  }
  if (error instanceof ToruaRequestError || error instanceof ToruaError) {
    const { code, detail } = error;
    const requestId = error instanceof ToruaRequestError ? error.requestId : undefined;
    const remedy = isErrorCode(code) ? ERROR_CODES[code].remedy : undefined;
    if (options.json) options.tell(JSON.stringify({ code, detail, request_id: requestId }));
    else options.tell([`torua: ${code}: ${detail}`, ...(remedy ? [remedy] : [])].join('\n'));
    return exitNameOf(code);
  }
  throw error;
}
