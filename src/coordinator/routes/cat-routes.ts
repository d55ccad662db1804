/** GET /_cat/...: the same facts as aligned text for a terminal. Source: REST contract, section 4. */
import { z } from 'zod';
import { shardRows } from '../../cluster/summary.ts';
import { userRoute } from '../../http/user-route.ts';
import { isoTime } from '../../kernel/clock.ts';
import { ToruaError } from '../../kernel/errors.ts';
import { nearest } from '../../kernel/suggest.ts';
import { flagSchema } from '../../protocol/rest.ts';
import { summaryOf } from '../cluster-view.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { CoordinatorRuntime } from '../coordinator-runtime.ts';

const catQuery = z.strictObject({
  v: flagSchema.optional().describe('Shows a line of headings.'),
  h: z.string().optional().describe('Columns, with commas.'),
  s: z.string().optional().describe('Columns to sort by, with commas; name:desc turns it round.'),
  format: z.enum(['text', 'json']).optional(),
});

type Row = Readonly<Record<string, string>>;

/** One table: its columns in order, and its rows. */
interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

const TABLES: Readonly<Record<string, (runtime: CoordinatorRuntime) => Table>> = {
  nodes: nodesTable,
  shards: shardsTable,
  health: healthTable,
};

/** Declares the tables that exist. */
export function catRoutes({ app, runtime }: CoordinatorApp): void {
  for (const [name, build] of Object.entries(TABLES)) {
    userRoute(
      app,
      {
        method: 'GET',
        url: `/_cat/${name}`,
        access: 'read',
        tag: 'cluster',
        operation: `cat_${name}`,
        summary: `${name} as an aligned table.`,
        query: catQuery,
        answers: { 200: 'Text, or JSON with format=json.' },
      },
      (request, reply) => {
        const { v, h, s, format } = request.query;
        const table = chosen(build(runtime), h, s);
        if (format === 'json')
          return table.rows.map((row) =>
            Object.fromEntries(table.columns.map((column) => [column, row[column]])),
          );
        return reply
          .header('content-type', 'text/plain; charset=utf-8')
          .send(aligned(table, v ?? false));
      },
    );
  }
}

/** The table with only the wanted columns, in the wanted order. Errors: `invalid_request` for an unknown column. */
export function chosen(table: Table, columns: string | undefined, sort: string | undefined): Table {
  const known = (name: string): string => {
    if (table.columns.includes(name)) return name;
    const near = nearest(name, table.columns);
    throw new ToruaError(
      'invalid_request',
      `There is no column ${JSON.stringify(name)}${near ? `; did you mean ${near}?` : ''} The columns are ${table.columns.join(', ')}.`,
    );
  };
  const keys = (sort ?? '')
    .split(',')
    .filter(Boolean)
    .map((part) => {
      const [name = '', direction] = part.split(':');
      return { name: known(name), sign: direction === 'desc' ? -1 : 1 };
    });
  const rows = [...table.rows].sort((left, right) => {
    for (const { name, sign } of keys) {
      const order = compareCells(left[name] ?? '', right[name] ?? '');
      if (order !== 0) return order * sign;
    }
    return 0;
  });
  return { columns: columns === undefined ? table.columns : columns.split(',').map(known), rows };
}

/** Text with columns of one width each, two spaces apart. */
export function aligned(table: Table, withHeadings: boolean): string {
  const lines = [
    ...(withHeadings ? [table.columns] : []),
    ...table.rows.map((row) => table.columns.map((column) => row[column] ?? '')),
  ];
  const widths = table.columns.map((_, place) =>
    Math.max(0, ...lines.map((line) => line[place]?.length ?? 0)),
  );
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, place) => cell.padEnd(widths[place] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function compareCells(left: string, right: string): number {
  const [a, b] = [Number(left), Number(right)];
  if (left !== '' && right !== '' && Number.isFinite(a) && Number.isFinite(b)) return a - b;
  return left < right ? -1 : left > right ? 1 : 0;
}

function nodesTable(runtime: CoordinatorRuntime): Table {
  const { state } = runtime.keeper;
  return {
    columns: ['id', 'addr', 'status', 'shards', 'max_shards', 'zone', 'version', 'last_heartbeat'],
    rows: state.nodes.map((node) => ({
      id: node.id,
      addr: node.addr,
      status: node.status,
      shards: String(
        state.databases
          .flatMap((database) => database.shards)
          .filter((shard) =>
            shard.copies.some((copy) => copy.nodeId === node.id && copy.state !== 'lost'),
          ).length,
      ),
      max_shards: String(node.maxShards ?? state.config.maxShardsPerNode),
      zone: node.zone ?? '-',
      version: node.version,
      last_heartbeat: timeOrDash(runtime.book.view(node.id).lastHeartbeatWallMs),
    })),
  };
}

function shardsTable(runtime: CoordinatorRuntime): Table {
  const { state } = runtime.keeper;
  const facts = runtime.book.facts(state);
  return {
    columns: ['shard', 'role', 'state', 'node', 'term', 'keys', 'bytes'],
    rows: shardRows(state, facts).map((row) => {
      const report = facts.reports.get(row.nodeId)?.find((held) => held.shardUid === row.shardUid);
      return {
        shard: String(row.shardId),
        role: 'primary',
        state: row.state,
        node: row.nodeId === '' ? '-' : row.nodeId,
        term: String(row.term),
        keys: String(report?.keys ?? '-'),
        bytes: String(report?.bytes ?? '-'),
      };
    }),
  };
}

function healthTable(runtime: CoordinatorRuntime): Table {
  const summary = summaryOf(runtime);
  return {
    columns: ['time', 'cluster', 'status', 'nodes', 'healthy', 'shards', 'assigned', 'unassigned'],
    rows: [
      {
        time: isoTime(runtime.world.clock.wallMs()),
        cluster: runtime.keeper.state.clusterId,
        status: summary.colour,
        nodes: String(summary.totalNodes),
        healthy: String(summary.healthyNodes),
        shards: String(summary.totalShards),
        assigned: String(summary.assignedShards),
        unassigned: String(summary.unassignedCopies),
      },
    ],
  };
}

function timeOrDash(wallMs: number | undefined): string {
  return wallMs === undefined ? '-' : isoTime(wallMs);
}
