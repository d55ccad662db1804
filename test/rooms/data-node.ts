/** A node double that also answers key operations: from a map, or as a test says. */
import { shardOfKey } from '../../src/kernel/fnv1a.ts';
import { compareUtf8 } from '../../src/kernel/utf8-order.ts';
import { decodeBatch, encodeAnswers } from '../../src/protocol/frame.ts';
import type { KeyAnswer, KeyOperation } from '../../src/protocol/key-operation.ts';
import {
  INTERNAL_PATHS,
  listAnswerSchema,
  listRequestSchema,
} from '../../src/protocol/messages.ts';
import type { WireAnswer, WireRequest } from '../../src/transport/wire.ts';
import type { CoordinatorWorld, NodeDouble } from './coordinator-world.ts';
import { bodyOf, message } from './scripted-wire.ts';

/** Values by key; an answer instead of a value is given as it is. */
export class DataNode {
  readonly node: NodeDouble;
  readonly values = new Map<string, Buffer>();
  /** Operations in the order they came. */
  readonly seen: KeyOperation[] = [];
  /** Answers to the next operations, before the map is asked. */
  readonly next: (KeyAnswer | Error)[] = [];
  /** Answers to every request of a path, instead of ours. */
  readonly instead = new Map<string, (request: WireRequest) => WireAnswer>();

  constructor(world: CoordinatorWorld, node: NodeDouble) {
    this.node = node;
    world.wire.peers.set(node.address, (request) => {
      const instead = this.instead.get(request.path);
      if (instead) return instead(request);
      if (request.path === INTERNAL_PATHS.batch) return this.#batch(request);
      if (request.path === INTERNAL_PATHS.list) return this.#list(request);
      return node.answer(request);
    });
  }

  #batch(request: WireRequest): WireAnswer {
    const { operations } = decodeBatch(request.body ?? Buffer.alloc(0));
    const answers = operations.map((operation) => this.#answer(operation));
    return { status: 200, body: encodeAnswers(answers) };
  }

  #answer(operation: KeyOperation): KeyAnswer {
    this.seen.push(operation);
    const scripted = this.next.shift();
    if (scripted instanceof Error) throw scripted;
    if (scripted) return scripted;
    const { verb, key, value } = operation;
    if (verb === 'put') this.values.set(key, value ?? Buffer.alloc(0));
    if (verb === 'delete') this.values.delete(key);
    if (verb === 'put' || verb === 'delete') return { status: 204, etag: 'e' };
    const found = this.values.get(key);
    if (found === undefined) return { status: 404, code: 'key_not_found', detail: 'none' };
    return { status: 200, etag: 'e', contentType: 'text/plain', value: found, bytes: found.length };
  }

  #list(request: WireRequest): WireAnswer {
    const { shardUid, start, startExclusive, end, limit } = bodyOf(listRequestSchema, request);
    const shards = this.node.state?.databases[0]?.shards ?? [];
    const shardId = shards.findIndex((shard) => shard.shardUid === shardUid);
    const keys = [...this.values.keys()]
      .filter((key) => shardOfKey(key, shards.length) === shardId)
      .filter((key) => end === undefined || compareUtf8(key, end) < 0)
      .filter((key) => start === undefined || compareUtf8(key, start) >= (startExclusive ? 1 : 0))
      .sort(compareUtf8);
    const rows = keys.slice(0, limit).map((key) => {
      return { key, etag: 'e', bytes: 1, contentType: 'text/plain' };
    });
    const next = keys.length >= limit ? rows.at(-1)?.key : undefined;
    return message(listAnswerSchema, { rows, next });
  }
}
