/** Nodes, shards and the cluster as a whole. Source: REST contract, sections 3 and 4. */

import { type ClusterColour, MEDIA_TYPES } from '../protocol/public.ts';
import {
  type ClusterHealth,
  type ClusterInfo,
  type ConfigAnswer,
  type ConfigChanged,
  type CoordinatorsAnswer,
  clusterHealthSchema,
  clusterInfoSchema,
  configAnswerSchema,
  configChangedSchema,
  coordinatorsAnswerSchema,
  type Explanation,
  explainAnswerSchema,
  type RecoverAnswer,
  recoverAnswerSchema,
} from '../protocol/rest-cluster.ts';
import {
  type AssignAnswer,
  assignAnswerSchema,
  type BroadcastAnswer,
  broadcastAnswerSchema,
  type NodeInfo,
  type NodeView,
  nodeInfoSchema,
  nodesAnswerSchema,
  type ShardView,
  shardsAnswerSchema,
  shardViewOf,
} from '../protocol/rest-nodes.ts';
import { decodeAnswer } from './answers.ts';
import type { Call, CallOptions } from './call.ts';
import { queryOf } from './key-path.ts';
import type { Requester } from './requester.ts';

/** A request that waits in the cluster is given this much longer than its wait, in milliseconds. */
const WAIT_GRACE_MS = 5_000;

/** Settings in the wire's names, as GET /cluster/config shows them; durations such as `"500ms"`. */
export type ConfigPart = Readonly<Record<string, string | number | boolean>>;

/** Options of `health`. */
export interface HealthOptions extends CallOptions {
  /** Waits until the cluster is at least this well. */
  readonly waitForStatus?: ClusterColour | undefined;
  /** Waits until this many nodes are healthy. */
  readonly waitForNodes?: number | undefined;
  /** How long the cluster waits. Default: the cluster's. */
  readonly waitMs?: number | undefined;
}

/** Calls on nodes, shards and the cluster. */
export interface ClusterCalls {
  info(options?: CallOptions): Promise<ClusterInfo>;
  /** Colour and counts. A wait that ran out is an answer with `timedOut`, not an error. */
  health(options?: HealthOptions): Promise<ClusterHealth>;
  nodes(options?: CallOptions): Promise<readonly NodeView[]>;
  /** Errors: `node_not_found`. */
  node(nodeId: string, options?: CallOptions): Promise<NodeInfo>;
  /** One entry per shard, ascending. */
  shards(options?: CallOptions): Promise<readonly ShardView[]>;
  config(options?: CallOptions): Promise<ConfigAnswer>;
  /** Changes settings; resolves when every live node confirmed. Errors: `invalid_request`, nothing changed then. */
  configure(part: ConfigPart, options?: CallOptions): Promise<ConfigChanged>;
  setMaxShards(nodeId: string, maxShards: number, options?: CallOptions): Promise<NodeInfo>;
  /** Forgets a node that is dead or drained. Errors: `node_not_gone`, `holds_only_copy`. */
  forgetNode(
    nodeId: string,
    options?: CallOptions & { acceptDataLoss?: boolean | undefined },
  ): Promise<void>;
  assign(
    wish: {
      shardId: number;
      nodeId?: string | undefined;
      isPrimary: boolean;
      acceptDataLoss?: boolean | undefined;
    },
    options?: CallOptions,
  ): Promise<AssignAnswer>;
  /** Why the copies of a shard are where they are. */
  explain(shardId?: number, options?: CallOptions): Promise<Explanation>;
  coordinators(options?: CallOptions): Promise<CoordinatorsAnswer>;
  /** Sends the payload to /control of every node. */
  broadcast(
    payload: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<BroadcastAnswer>;
  /** Lets a rebuilt coordinator go on without the nodes that are missing. Errors: `not_recovering`. */
  recover(options?: CallOptions): Promise<RecoverAnswer>;
  /** Deletes all data, keeps nodes and settings. Errors: `reset_not_allowed`. */
  reset(options?: CallOptions): Promise<void>;
  /** Gives up a record that was kept aside. Errors: `nothing_kept_aside`. */
  skip(shardId: number, seq: number, options?: CallOptions): Promise<void>;
}

/** The calls on nodes, shards and the cluster over a requester. */
export function clusterCalls(requester: Requester): ClusterCalls {
  const read = (path: string, options: CallOptions = {}): Promise<unknown> =>
    requester.json({ ...options, method: 'GET', path });
  const change = (
    method: Call['method'],
    target: { path: string; body?: unknown },
    options: CallOptions = {},
  ) =>
    requester.json({
      ...options,
      method,
      path: target.path,
      ...(target.body === undefined
        ? {}
        : { headers: { 'content-type': MEDIA_TYPES.json }, body: JSON.stringify(target.body) }),
    });
  const info = async (options?: CallOptions) =>
    decodeAnswer(clusterInfoSchema, await read('/cluster/info', options));
  return {
    info,
    health: (options) => readHealth(requester, options),
    ...nodeCalls(read, change),
    config: async (options) =>
      decodeAnswer(configAnswerSchema, await read('/cluster/config', options)),
    configure: async (part, options) =>
      decodeAnswer(
        configChangedSchema,
        await change('PUT', { path: '/cluster/config', body: part }, options),
      ),
    coordinators: async (options) =>
      decodeAnswer(coordinatorsAnswerSchema, await read('/cluster/coordinators', options)),
    recover: async (options) =>
      decodeAnswer(
        recoverAnswerSchema,
        await change('POST', { path: '/cluster/recover', body: { accept_missing: true } }, options),
      ),
    reset: async (options) => {
      const { clusterId } = await info(options);
      await change('POST', { path: '/cluster/reset', body: { confirm: clusterId } }, options);
    },
    skip: async (shardId, seq, options) => {
      await change(
        'POST',
        { path: `/shards/${shardId}/skip`, body: { seq, accept_data_loss: true } },
        options,
      );
    },
  };
}

type Read = (path: string, options?: CallOptions) => Promise<unknown>;
type Change = (
  method: Call['method'],
  target: { path: string; body?: unknown },
  options?: CallOptions,
) => Promise<unknown>;
type NodeCalls = Pick<
  ClusterCalls,
  'nodes' | 'node' | 'shards' | 'setMaxShards' | 'forgetNode' | 'assign' | 'explain' | 'broadcast'
>;

function nodeCalls(read: Read, change: Change): NodeCalls {
  const pathOf = (nodeId: string): string => `/nodes/${encodeURIComponent(nodeId)}`;
  return {
    nodes: async (options) => decodeAnswer(nodesAnswerSchema, await read('/nodes', options)).nodes,
    node: async (nodeId, options) =>
      decodeAnswer(nodeInfoSchema, await read(`${pathOf(nodeId)}/info`, options)),
    shards: async (options) => shardListOf(await read('/shards', options)),
    setMaxShards: async (nodeId, maxShards, options) =>
      decodeAnswer(
        nodeInfoSchema,
        await change('PATCH', { path: pathOf(nodeId), body: { max_shards: maxShards } }, options),
      ),
    forgetNode: async (nodeId, options = {}) => {
      const query = queryOf({ accept_data_loss: options.acceptDataLoss || undefined });
      await change('DELETE', { path: pathOf(nodeId) + query }, options);
    },
    assign: async (wish, options) => {
      const body = {
        shard_id: wish.shardId,
        node_id: wish.nodeId,
        is_primary: wish.isPrimary,
        accept_data_loss: wish.acceptDataLoss,
      };
      return decodeAnswer(
        assignAnswerSchema,
        await change('POST', { path: '/shards/assign', body }, options),
      );
    },
    explain: async (shardId, options) =>
      decodeAnswer(
        explainAnswerSchema,
        await read(`/cluster/allocation/explain${queryOf({ shard_id: shardId })}`, options),
      ),
    broadcast: async (payload, options) => {
      const body = { path: '/control', payload };
      return decodeAnswer(
        broadcastAnswerSchema,
        await change('POST', { path: '/broadcast', body }, options),
      );
    },
  };
}

function shardListOf(wire: unknown): readonly ShardView[] {
  decodeAnswer(shardsAnswerSchema, wire);
  return shardsAnswerSchema.parse(wire).shards.map(shardViewOf);
}

async function readHealth(
  requester: Requester,
  options: HealthOptions = {},
): Promise<ClusterHealth> {
  const { waitMs } = options;
  const query = queryOf({
    wait_for_status: options.waitForStatus,
    wait_for_nodes: options.waitForNodes,
    timeout: waitMs === undefined ? undefined : `${waitMs}ms`,
  });
  const timeoutMs =
    options.timeoutMs ?? (waitMs === undefined ? undefined : waitMs + WAIT_GRACE_MS);
  const call = { ...options, timeoutMs, method: 'GET' } as const;
  const answer = await requester.send({ ...call, path: `/cluster/health${query}`, accept: [408] });
  const timedOut = answer.status === 408;
  if (timedOut) await answer.body.dump();
  // A wait that ran out is told by a problem; the counts come from a second request that does not wait.
  const wire = timedOut
    ? await requester.json({ ...call, path: '/cluster/health' })
    : await answer.body.json();
  return { ...decodeAnswer(clusterHealthSchema, wire), timedOut };
}
