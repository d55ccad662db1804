/** `torua supervise -- COMMAND`: keeps a process running under a process manager. */
import type { Command } from 'commander';
import { type CliContext, describedCommand } from '../context.ts';
import { supervise } from '../supervisor.ts';

/** The command. The process ends with the child's code. */
export function define(context: CliContext): Command {
  const description =
    'start a process again when it fails: at once after exit code 75, else after 250 ms doubling to 5 s';
  return describedCommand('supervise', description, 'torua supervise -- node dist/node/main.js')
    .argument('<command...>')
    .action(async (words: string[]) => {
      const [file = '', ...rest] = words;
      process.exitCode = await supervise({
        file,
        arguments: rest,
        clock: context.clock,
        tell: (line) => context.tell(`supervise: ${line}`),
      });
    });
}
