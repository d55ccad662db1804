/** docs/reference/cli.md, from the help of every command. */
import { page } from './markdown.ts';

/** What the page needs of a command of commander's. */
export interface HelpfulCommand {
  readonly commands: readonly HelpfulCommand[];
  name(): string;
  description(): string;
  helpInformation(): string;
}

/** The whole page: the program's help, then each command's with its example, depth first. */
export function commandPage(
  program: HelpfulCommand,
  helpOf: (command: HelpfulCommand) => string,
): string {
  const sections = below(program, [program.name()]).map(
    ({ path, command }) =>
      `## ${path.join(' ')}\n\n${command.description()}\n\n${block(helpOf(command))}`,
  );
  return page('Command line', block(helpOf(program)), ...sections);
}

function below(
  command: HelpfulCommand,
  path: readonly string[],
): { path: readonly string[]; command: HelpfulCommand }[] {
  return command.commands
    .filter((child) => child.name() !== 'help')
    .flatMap((child) => {
      const own = [...path, child.name()];
      return [{ path: own, command: child }, ...below(child, own)];
    });
}

const block = (text: string): string => `\`\`\`text\n${text.trimEnd()}\n\`\`\``;
