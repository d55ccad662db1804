/** One JSON message to another process and its checked answer, both in the code's names. */
import { z } from 'zod';
import type { Deadline } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import { type Decoded, decode, encode } from '../protocol/case.ts';
import { jsonFromAnswer } from './problem-answer.ts';
import type { Wire } from './wire.ts';

/** What is said to whom, and what the answer must look like. */
export interface JsonCall<Request extends z.ZodType, Answer extends z.ZodType> {
  readonly address: string;
  readonly path: string;
  readonly request: Request;
  readonly body: Decoded<Request>;
  readonly answer: Answer;
}

/** POSTs the message. Errors: the wire's, the peer's own, or `bad_node_answer` when the answer makes no sense. */
export async function callJson<Request extends z.ZodType, Answer extends z.ZodType>(
  wire: Wire,
  call: JsonCall<Request, Answer>,
  deadline: Deadline,
): Promise<Decoded<Answer>> {
  const body = Buffer.from(JSON.stringify(encode(call.request, call.body)));
  const { address, path } = call;
  const answer = await wire.send({ address, method: 'POST', path, body }, deadline);
  try {
    return decode(call.answer, jsonFromAnswer(answer, address));
  } catch (cause) {
    if (!(cause instanceof z.ZodError)) throw cause;
    const detail = `${address} answered ${path} with something else: ${cause.issues[0]?.message}`;
    throw new ToruaError('bad_node_answer', detail, { cause });
  }
}
