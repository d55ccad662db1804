/** `torua inspect DIR`: what a data directory holds. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { printJson } from '../cluster-command.ts';
import { type CliContext, CliError, describedCommand } from '../context.ts';
import { bytesText, table } from '../format.ts';
import { type DirectoryReport, inspectDirectory } from '../inspect-directory.ts';
import { readOnlyDisk } from '../read-only-disk.ts';

/** The command. Exit code 7 when the log is damaged. */
export function define(context: CliContext): Command {
  return describedCommand(
    'inspect',
    'what a data directory holds; read only, also beside a running process',
    'torua inspect data/node-1',
  )
    .argument('<dir>')
    .option('--json', 'JSON instead of text')
    .action(async (directory: string, options: { json?: boolean }) => {
      const report = await inspectDirectory(readOnlyDisk, resolve(directory));
      if (options.json) printJson(context, report);
      else context.print(reportText(report));
      if (report.log.damage.length > 0)
        throw new CliError('damaged', `the log is damaged: ${report.log.damage.join('; ')}`);
    });
}

/** The report for people. Pure. */
export function reportText(report: DirectoryReport): string {
  const { state, log, copies } = report;
  const segments = log.segments.map((segment) => [
    segment.number,
    segment.bytes,
    segment.batches,
    segment.records,
  ]);
  const rows = copies.map((copy) => [
    copy.copy_id,
    copy.shard_uid,
    copy.term,
    copy.last_seq,
    bytesText(copy.folder_bytes),
    copy.in_doubt ? 'in doubt' : 'whole',
  ]);
  return [
    `${report.directory}: ${JSON.stringify(report.format)}`,
    state === null
      ? 'no cluster state stored'
      : `cluster ${state.cluster_id}, state version ${state.version}, ${state.nodes} nodes, ${state.shards} shards`,
    `log: ${bytesText(log.bytes)} in ${log.segments.length} segments, ${log.torn_bytes} torn bytes, ${log.damage.length} damages`,
    ...(segments.length > 0
      ? ['', table(['SEGMENT', 'BYTES', 'BATCHES', 'RECORDS'], segments)]
      : []),
    ...(rows.length > 0
      ? ['', table(['COPY', 'SHARD', 'TERM', 'LAST SEQ', 'FOLDER', 'LOG'], rows)]
      : []),
  ].join('\n');
}
