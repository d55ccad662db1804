/** `torua load FILE.jsonl --key FIELD`: stores each line under the value of one of its fields. */
import { createReadStream, existsSync, rmSync, statSync } from 'node:fs';
import { Presets, SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { type ClusterOptions, clusterCommand, printJson, withClient } from '../cluster-command.ts';
import { type CliContext, CliError } from '../context.ts';
import { bytesText, type LoadProgress, progressText } from '../format.ts';
import { type LoadOutcome, loadLines } from '../load-lines.ts';
import { RejectedFile } from '../rejected-file.ts';

/** For each request with its retries: long enough for a node to come back, in milliseconds. */
const LOAD_TIMEOUT_MS = 60_000;
/** Plain progress lines are at least this far apart, in milliseconds. */
const PLAIN_PROGRESS_MS = 2_000;

interface LoadFlags extends ClusterOptions {
  readonly key: string;
}

/** The command. Exit code 6 when lines were rejected. */
export function define(context: CliContext): Command {
  return clusterCommand(
    'load',
    'store each line of a JSON lines file, byte for byte; rejected lines go to FILE.rejected.jsonl',
    'torua load corpus.jsonl --key id',
    LOAD_TIMEOUT_MS,
  )
    .argument('<file>')
    .requiredOption('--key <field>', "the field whose value is the line's key")
    .action((file: string, options: LoadFlags) => {
      if (!existsSync(file)) throw new CliError('usage', `the file ${file} does not exist`);
      return load(context, file, options);
    });
}

async function load(context: CliContext, file: string, options: LoadFlags): Promise<void> {
  const bytesTotal = statSync(file).size;
  const rejected = new RejectedFile(`${file}.rejected.jsonl`);
  const startedAt = context.clock.monotonicMs();
  const display = context.isTty ? barDisplay() : plainDisplay(context);
  let outcome: LoadOutcome = { stored: 0, rejected: 0, bytesRead: 0 };
  const progress = (): LoadProgress => ({
    ...outcome,
    bytesTotal,
    elapsedMs: context.clock.monotonicMs() - startedAt,
  });
  try {
    await withClient(options, async (client) => {
      const lines = createReadStream(file, { highWaterMark: 256 * 1_024 });
      for await (const step of loadLines(lines, {
        client,
        keyField: options.key,
        signal: context.stop,
      })) {
        outcome = step.outcome;
        if (step.rejection) rejected.add(step.rejection, context.tell);
        display.show(progress());
      }
    });
  } finally {
    display.end(progress());
    rejected.close();
  }
  if (outcome.rejected === 0) rmSync(rejected.path, { force: true });
  if (options.json)
    printJson(context, {
      stored: outcome.stored,
      rejected: outcome.rejected,
      bytes: bytesTotal,
      rejected_file: outcome.rejected > 0 ? rejected.path : null,
    });
  else context.print(`${outcome.stored} stored, ${outcome.rejected} rejected`);
  if (outcome.rejected > 0)
    throw new CliError(
      'rejected',
      `${outcome.rejected} lines were rejected; they are in ${rejected.path}`,
    );
}

interface Display {
  show(progress: LoadProgress): void;
  end(progress: LoadProgress): void;
}

function barDisplay(): Display {
  const bar = new SingleBar(
    { format: ' {bar} {text}', stream: process.stderr, hideCursor: true, fps: 10 },
    Presets.shades_classic,
  );
  let started = false;
  return {
    show: (progress) => {
      const payload = { text: progressText(progress) };
      if (!started) bar.start(progress.bytesTotal, progress.bytesRead, payload);
      started = true;
      bar.update(progress.bytesRead, payload);
    },
    end: (progress) => {
      if (!started) return;
      bar.update(progress.bytesRead, { text: progressText(progress) });
      bar.stop();
    },
  };
}

function plainDisplay(context: CliContext): Display {
  let shownAt = context.clock.monotonicMs();
  return {
    show: (progress) => {
      const now = context.clock.monotonicMs();
      if (now - shownAt < PLAIN_PROGRESS_MS) return;
      shownAt = now;
      context.tell(progressText(progress));
    },
    end: (progress) =>
      context.tell(`${bytesText(progress.bytesRead)} read: ${progressText(progress)}`),
  };
}
