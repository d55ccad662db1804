/**
 * Large values on the simulated wire: production streams them past the batches, here they travel as one message to the
 * node's own value handler. Both ends of that message are in this file.
 */
import { Readable } from 'node:stream';
import type { CoordinatorRuntime } from '../../src/coordinator/coordinator-runtime.ts';
import type { UserOperation } from '../../src/coordinator/key-router.ts';
import type { InternalContext, InternalRoute } from '../../src/http/internal-route.ts';
import type { Deadline } from '../../src/kernel/deadline.ts';
import type { NodeRuntime } from '../../src/node/node-runtime.ts';
import { valueHandler } from '../../src/node/value-handler.ts';
import {
  decodeAnswers,
  decodeBatch,
  encodeAnswers,
  encodeBatch,
  FRAME_CONTENT_TYPE,
} from '../../src/protocol/frame.ts';
import type { KeyAnswer } from '../../src/protocol/key-operation.ts';
import { problemFromAnswer } from '../../src/transport/problem-answer.ts';

const PUT_PATH = '/simulated/value/put';
const GET_PATH = '/simulated/value/get';
const VALUE_BYTES_MAX = 1 << 20;
const LENGTH_BYTES = 4;

/** The node's end. */
export function valueRoutes(node: NodeRuntime): InternalRoute[] {
  const handler = valueHandler(node, VALUE_BYTES_MAX);
  const answered = (answer: KeyAnswer) => ({
    status: 200,
    body: encodeAnswers([answer]),
    contentType: FRAME_CONTENT_TYPE,
  });
  const put = async (message: Buffer, context: InternalContext) => {
    const end = LENGTH_BYTES + message.readUInt32BE(0);
    const batch = decodeBatch(message.subarray(LENGTH_BYTES, end));
    return answered(await handler.put(batch, Readable.from([message.subarray(end)]), context));
  };
  const get = async (message: Buffer, context: InternalContext) => {
    const { answer, body } = await handler.get(decodeBatch(message), context);
    if (body === undefined) return answered(answer);
    const pieces: Buffer[] = [];
    for await (const piece of body) pieces.push(piece as Buffer);
    return answered({ ...answer, value: Buffer.concat(pieces) });
  };
  return [
    { method: 'POST', path: PUT_PATH, handle: put },
    { method: 'POST', path: GET_PATH, handle: get },
  ];
}

/** The coordinator's end: a `put` of `operation.value`, or a `get`, as a stream of its own. */
export async function streamed(
  runtime: CoordinatorRuntime,
  operation: UserOperation,
  deadline: Deadline,
): Promise<KeyAnswer> {
  const { value, ...rest } = operation;
  const routed = await runtime.keys.stream(rest, deadline, async (address, batch) => {
    const frame = encodeBatch(batch);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(frame.length);
    const isPut = value !== undefined;
    const body = isPut ? Buffer.concat([length, frame, value]) : frame;
    const path = isPut ? PUT_PATH : GET_PATH;
    const request = { address, method: 'POST', path, body } as const;
    const answer = await runtime.world.wire.send(request, deadline);
    if (answer.status !== 200) throw problemFromAnswer(answer, address);
    const [only] = decodeAnswers(answer.body);
    if (only === undefined) throw new Error('one operation has one answer');
    return only;
  });
  return routed.answer;
}
