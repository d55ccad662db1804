/**
 * How one large value travels between processes: the operation and its answer are frames of one, base64 in a header;
 * the value is the body. So the hot path's form and the stream's form cannot drift apart.
 */
import { ToruaError } from '../kernel/errors.ts';
import { decodeAnswers, decodeBatch, encodeAnswers, encodeBatch } from './frame.ts';
import type { KeyAnswer, KeyBatch } from './key-operation.ts';

/** Header of PUT and GET on the value path: a batch of one operation without its value. */
export const OPERATION_HEADER = 'x-torua-operation';
/** Header of the answer: one answer without its value. */
export const ANSWER_HEADER = 'x-torua-answer';

/** The batch's one operation as a header. */
export function encodeOperationHeader(batch: KeyBatch): string {
  return encodeBatch(batch).toString('base64');
}

/** A batch of exactly one operation. Errors: `invalid_request`. */
export function decodeOperationHeader(header: unknown): KeyBatch {
  const batch = decodeBatch(Buffer.from(typeof header === 'string' ? header : '', 'base64'));
  if (batch.operations.length !== 1) {
    throw new ToruaError(
      'invalid_request',
      `${OPERATION_HEADER} must hold one operation, not ${batch.operations.length}.`,
    );
  }
  return batch;
}

/** The answer as a header. */
export function encodeAnswerHeader(answer: KeyAnswer): string {
  return encodeAnswers([answer]).toString('base64');
}

/** The one answer. Errors: `bad_node_answer`. */
export function decodeAnswerHeader(header: unknown): KeyAnswer {
  const answers = decodeAnswers(Buffer.from(typeof header === 'string' ? header : '', 'base64'));
  const [answer] = answers;
  if (answer === undefined || answers.length !== 1) {
    throw new ToruaError(
      'bad_node_answer',
      `The node's ${ANSWER_HEADER} holds ${answers.length} answers instead of one.`,
    );
  }
  return answer;
}
