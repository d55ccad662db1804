/** A wire whose other ends are functions of the test: who is not there gives no answer. */
import type { z } from 'zod';
import type { Deadline } from '../../src/kernel/deadline.ts';
import { problemOf, ToruaError } from '../../src/kernel/errors.ts';
import { type Decoded, decode, encode } from '../../src/protocol/case.ts';
import type { Wire, WireAnswer, WireRequest } from '../../src/transport/wire.ts';

/** The other end: an answer, or a thrown error that becomes a problem as a real process would send it. */
export type Peer = (request: WireRequest, deadline: Deadline) => Promise<WireAnswer> | WireAnswer;

/** See the module. */
export class ScriptedWire implements Wire {
  readonly peers = new Map<string, Peer>();
  /** Every request, in the order it was sent. */
  readonly sent: WireRequest[] = [];

  async send(request: WireRequest, deadline: Deadline): Promise<WireAnswer> {
    this.sent.push(request);
    const peer = this.peers.get(request.address);
    if (peer === undefined) {
      throw new ToruaError('node_unreachable', `${request.address} could not be reached.`, {
        fields: { sent: false },
      });
    }
    return peer(request, deadline);
  }

  /** How often this path was asked for. */
  count(path: string): number {
    return this.sent.filter((request) => request.path === path).length;
  }
}

/** A good answer in JSON. */
export function json(value: unknown): WireAnswer {
  return { status: 200, body: Buffer.from(JSON.stringify(value)) };
}

/** A message of ours as a good answer. */
export function message<Schema extends z.ZodType>(
  schema: Schema,
  value: Decoded<Schema>,
): WireAnswer {
  return json(encode(schema, value));
}

/** The request's body, as the code names it. */
export function bodyOf<Schema extends z.ZodType>(
  schema: Schema,
  request: WireRequest,
): Decoded<Schema> {
  return decode(schema, JSON.parse(request.body?.toString() ?? '{}'));
}

/** What a process answers when it throws this. */
export function problem(error: ToruaError): WireAnswer {
  const body = problemOf(error, { instance: '/', requestId: 'r' });
  return { status: error.definition.status, body: Buffer.from(JSON.stringify(body)) };
}
