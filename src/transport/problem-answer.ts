/** Turning another process's answer into our error: problem+json keeps its code, anything else makes no sense. */
import { isErrorCode, ToruaError } from '../kernel/errors.ts';
import type { WireAnswer } from './wire.ts';

const KNOWN_MEMBERS = [
  'type',
  'title',
  'status',
  'detail',
  'instance',
  'code',
  'retryable',
  'request_id',
  'retry_after_ms',
];

/** The error an answer above 299 reports. A code we do not know, or no problem at all, becomes `bad_node_answer`. */
export function problemFromAnswer(answer: WireAnswer, address: string): ToruaError {
  const problem = parseProblem(answer.body);
  const code = problem?.code;
  if (problem === undefined || !isErrorCode(code)) {
    const named =
      typeof code === 'string'
        ? ` with the unknown code ${JSON.stringify(code.slice(0, 100))}`
        : '';
    return new ToruaError('bad_node_answer', `${address} answered ${answer.status}${named}.`, {
      fields: { sent: true },
    });
  }
  const retryAfterMs = problem.retry_after_ms;
  const fields = Object.fromEntries(
    Object.entries(problem).filter(([name]) => !KNOWN_MEMBERS.includes(name)),
  );
  return new ToruaError(code, String(problem.detail ?? ''), {
    fields,
    retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
  });
}

/** The JSON of an answer with a 2xx status. Errors: the one it reports, or `bad_node_answer`. */
export function jsonFromAnswer(answer: WireAnswer, address: string): unknown {
  if (answer.status < 200 || answer.status > 299) throw problemFromAnswer(answer, address);
  try {
    return JSON.parse(answer.body.toString('utf8'));
  } catch (cause) {
    throw new ToruaError(
      'bad_node_answer',
      `${address} answered ${answer.status} with a body that is not JSON.`,
      { cause },
    );
  }
}

function parseProblem(body: Buffer): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
