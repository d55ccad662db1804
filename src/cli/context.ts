/**
 * What commands need of the process they run in. Kept free of the client: a supervisor runs for weeks and should not
 * carry it; commands that talk to a cluster import cluster-command.ts.
 */
import { Command, InvalidArgumentError } from 'commander';
import type { Clock } from '../kernel/clock.ts';
import { parseDuration } from '../kernel/config.ts';
import type { ExitName } from './exit-codes.ts';

/** The process as commands see it. */
export interface CliContext {
  readonly clock: Clock;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly stop: AbortSignal;
  /** Whether stderr is a terminal, where bars may be drawn. */
  readonly isTty: boolean;
  /** The bytes of stdin. */
  input(): AsyncIterable<Uint8Array>;
  /** One or several whole lines on stdout. */
  print(text: string): void;
  /** Bytes on stdout as they are; resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  /** One line for people on stderr. */
  tell(text: string): void;
}

/** A failure that the command itself found; `exit` says with which code the process ends. */
export class CliError extends Error {
  readonly exit: ExitName;

  constructor(exit: ExitName, detail: string) {
    super(detail);
    this.name = 'CliError';
    this.exit = exit;
  }
}

/** A command with its help: what it does, and one example that works as printed. */
export function describedCommand(name: string, description: string, example: string): Command {
  return new Command(name)
    .description(description)
    .addHelpText('after', `\nExample:\n  $ ${example}`);
}

/** Milliseconds of an option such as `10s`. Errors: a usage error. */
export function durationOption(text: string): number {
  const value = parseDuration(text);
  if (value === undefined)
    throw new InvalidArgumentError('write a duration such as 500ms, 10s or 2m.');
  return value;
}

/** A whole number of an option. Errors: a usage error. */
export function wholeNumberOption(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('write a whole number.');
  return Number(text);
}
