/** What undici reports, in our words: could the peer be reached, may it have acted, did its answer make sense? */
import { ToruaError } from '../kernel/errors.ts';

/** Contact tells whether bytes may have reached the peer: then a write's outcome is unknown. */
export interface Contact {
  readonly sent: boolean;
}

/** An error of undici or of the socket as ours. A ToruaError passes unchanged. */
export function wireError(thrown: unknown, address: string, contact: Contact): ToruaError {
  if (thrown instanceof ToruaError) return thrown;
  const code = codeOf(thrown);
  const fields = { sent: contact.sent };
  if (
    code.startsWith('HPE_') ||
    code === 'HTTPParserError' ||
    code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'
  ) {
    return new ToruaError(
      'bad_node_answer',
      `${address} answered with something that is not HTTP (${code}).`,
      { fields, cause: thrown },
    );
  }
  const how = contact.sent ? 'gave no answer' : 'could not be reached';
  return new ToruaError('node_unreachable', `${address} ${how} (${code}).`, {
    fields,
    cause: thrown,
  });
}

/** The time was over: before or after the request left. */
export function overdue(address: string, contact: Contact): ToruaError {
  const where = contact.sent
    ? `waiting for the answer of ${address}`
    : `waiting for a connection to ${address}`;
  return new ToruaError('deadline_exceeded', `The time for this request was over while ${where}.`, {
    fields: { sent: contact.sent },
  });
}

function codeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'unknown';
  if ('code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return thrown.cause instanceof Error ? codeOf(thrown.cause) : thrown.name;
}
