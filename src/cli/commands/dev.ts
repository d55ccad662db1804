/** `torua dev`: a cluster for development and tests on free ports, gone when the command ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Command } from 'commander';
import { type Cluster, startCluster } from '../../testing/testing.ts';
import { environmentWith } from '../config.ts';
import { type CliContext, describedCommand, wholeNumberOption } from '../context.ts';
import { aborted, parentGone } from '../parent.ts';
import { exitCodeOf } from '../supervise-decision.ts';

interface DevFlags {
  readonly nodes: number;
  readonly shards: number;
  readonly port: number;
  readonly data?: string;
  readonly exec?: string;
}

/** The command. With --exec the process ends with the code of the command that it ran. */
export function define(context: CliContext): Command {
  const description =
    'start a cluster in a temporary folder; prints one JSON line when it is ready';
  return describedCommand('dev', description, 'torua dev --exec "npm test"')
    .option('--nodes <number>', 'nodes', wholeNumberOption, 3)
    .option('--shards <number>', 'shards', wholeNumberOption, 4)
    .option('--port <number>', "the coordinator's port; 0 takes a free one", wholeNumberOption, 0)
    .option('--data <dir>', 'keep the data in this folder')
    .option('--exec <command>', 'run this command with TORUA_URL set, then end the cluster')
    .action(async (options: DevFlags) => {
      const cluster = await startCluster({
        nodes: options.nodes,
        shards: options.shards,
        port: options.port,
        dataDir: options.data,
      });
      try {
        process.exitCode = await play(context, cluster, options.exec);
      } finally {
        await cluster.close();
      }
    });
}

async function play(
  context: CliContext,
  cluster: Cluster,
  command: string | undefined,
): Promise<number> {
  const over = new AbortController();
  const told = Promise.race([parentGone(context.clock, over.signal), aborted(context.stop)]);
  try {
    if (command !== undefined) return await runCommand(command, cluster.url, told);
    context.print(readyLine(cluster));
    await told;
    return 0;
  } finally {
    over.abort();
  }
}

/** The command's exit code. When told to, it is ended, and its code counts all the same. */
function runCommand(command: string, url: string, told: Promise<unknown>): Promise<number> {
  const child = spawn('/bin/sh', ['-c', command], {
    stdio: 'inherit',
    env: environmentWith({ TORUA_URL: url }),
    // Without a terminal the command gets a group of its own, so that all of it can be ended.
    detached: !process.stdin.isTTY,
  });
  void told.then(() => endGroup(child));
  return endOf(child);
}

/** The one line that scripts read. */
export function readyLine(cluster: Pick<Cluster, 'url' | 'nodes' | 'dataDir'>): string {
  const nodes = cluster.nodes.map(({ id, url, pid }) => ({ id, url, pid }));
  return JSON.stringify({ url: cluster.url, nodes, data_dir: cluster.dataDir });
}

function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code, signal) => resolve(exitCodeOf({ code, signal })));
    child.once('error', reject);
  });
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  if (process.stdin.isTTY) child.kill('SIGTERM');
  else process.kill(-child.pid, 'SIGTERM');
}
