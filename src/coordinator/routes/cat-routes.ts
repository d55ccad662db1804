/** GET /_cat/...: the same facts as aligned text for a terminal. Source: REST contract, section 4. */
import { nodesById } from '../../cluster/state-access.ts';
import { shardRows, shardsOfNode } from '../../cluster/summary.ts';
import { userRoute } from '../../http/user-route.ts';
import { isoTime } from '../../kernel/clock.ts';
import { summaryOf } from '../cluster-view.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { CoordinatorRuntime } from '../coordinator-runtime.ts';
import { aligned, chosen, shownRows, type Table, tableQuerySchema } from '../text-table.ts';

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
        query: tableQuerySchema,
        answers: { 200: 'Text, or JSON with format=json.' },
      },
      (request, reply) => {
        const { v, h, s, format } = request.query;
        const table = chosen(build(runtime), h, s);
        if (format === 'json') return shownRows(table);
        return reply
          .header('content-type', 'text/plain; charset=utf-8')
          .send(aligned(table, v ?? false));
      },
    );
  }
}

function nodesTable(runtime: CoordinatorRuntime): Table {
  const { state } = runtime.keeper;
  return {
    columns: ['id', 'addr', 'status', 'shards', 'max_shards', 'zone', 'version', 'last_heartbeat'],
    rows: nodesById(state).map((node) => ({
      id: node.id,
      addr: node.addr,
      status: node.status,
      shards: String(shardsOfNode(state, node.id).length),
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
