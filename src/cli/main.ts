#!/usr/bin/env node
/** The process `torua`: streams, signals and the exit code. What it does is the commands' business. */
import { attendedClock } from '../kernel/clock.ts';
import type { CliContext } from './context.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { reportFailure, run } from './program.ts';

const stop = new AbortController();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = signal === 'SIGINT';
    stop.abort();
  });
}
// Whoever reads stdout may leave early, as `torua list | head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const context: CliContext = {
  clock: attendedClock,
  stop: stop.signal,
  isTty: process.stderr.isTTY === true,
  input: () => process.stdin,
  print: (text) => {
    process.stdout.write(`${text}\n`);
  },
  write: (bytes) =>
    new Promise((resolve) => {
      process.stdout.write(bytes, () => resolve());
    }),
  tell: (text) => {
    process.stderr.write(`${text}\n`);
  },
};

const words = process.argv.slice(2);
try {
  await run(context, words);
} catch (error) {
  const exit = interrupted
    ? 'interrupted'
    : reportFailure(error, { json: words.includes('--json'), tell: context.tell });
  process.exitCode = EXIT_CODES[exit].code;
}
