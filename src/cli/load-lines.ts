/** JSON lines into the cluster: each line's own bytes become the value under the key that one of its fields names. */
import { isUtf8 } from 'node:buffer';
import type { BulkOperation } from '../client/bulk.ts';
import type { ToruaClient } from '../client/client.ts';
import { linesOf } from '../client/lines.ts';
import type { Rejection } from './rejected-file.ts';

/** What has been done so far. */
export interface LoadOutcome {
  readonly stored: number;
  readonly rejected: number;
  /** Of lines that were answered. */
  readonly bytesRead: number;
}

/** One line was answered or refused before it was sent. */
export interface LoadStep {
  readonly outcome: LoadOutcome;
  readonly rejection: Rejection | undefined;
}

/** Where the lines go. */
export interface LoadTarget {
  readonly client: Pick<ToruaClient, 'bulk'>;
  readonly keyField: string;
  readonly signal?: AbortSignal | undefined;
}

interface Sent {
  readonly line: number;
  readonly text: Buffer;
}

/**
 * One step per line that is not empty, in the order of their outcomes: refused lines come before earlier lines that
 * still wait for their answer. Memory is bounded by the bulk's own chunks.
 */
export async function* loadLines(
  source: AsyncIterable<Uint8Array>,
  target: LoadTarget,
): AsyncGenerator<LoadStep> {
  const sent: Sent[] = [];
  const refused: Rejection[] = [];
  let outcome: LoadOutcome = { stored: 0, rejected: 0, bytesRead: 0 };
  const reject = (rejection: Rejection): LoadStep => {
    const bytesRead = outcome.bytesRead + rejection.text.length + 1;
    outcome = { ...outcome, rejected: outcome.rejected + 1, bytesRead };
    return { outcome, rejection };
  };
  const operations = operationsOf(source, { keyField: target.keyField, sent, refused });
  for await (const answer of target.client.bulk(operations, { signal: target.signal })) {
    for (const rejection of refused.splice(0)) yield reject(rejection);
    const line = sent.shift();
    if (!line) break;
    if (answer.status >= 300) {
      yield reject({
        ...line,
        reason: `${answer.code ?? answer.status}: ${answer.detail ?? 'no reason given'}`,
      });
      continue;
    }
    outcome = {
      ...outcome,
      stored: outcome.stored + 1,
      bytesRead: outcome.bytesRead + line.text.length + 1,
    };
    yield { outcome, rejection: undefined };
  }
  for (const rejection of refused.splice(0)) yield reject(rejection);
}

async function* operationsOf(
  source: AsyncIterable<Uint8Array>,
  state: { keyField: string; sent: Sent[]; refused: Rejection[] },
): AsyncGenerator<BulkOperation> {
  let line = 0;
  for await (const bytes of linesOf(source)) {
    line += 1;
    // A copy: the file's buffers are shared by their lines, and one waiting line would hold a whole buffer.
    const text = Buffer.from(bytes);
    if (text.length === 0 || text.toString('latin1').trim() === '') continue;
    const found = keyOf(text, state.keyField);
    if ('reason' in found) {
      state.refused.push({ line, text, reason: found.reason });
      continue;
    }
    state.sent.push({ line, text });
    yield {
      op: 'put',
      key: found.key,
      value: text.toString('utf8'),
      contentType: 'application/json',
    };
  }
}

/** The key of a line, or why it has none. Numbers are keys by their JSON text. Pure. */
export function keyOf(text: Buffer, keyField: string): { key: string } | { reason: string } {
  if (!isUtf8(text)) return { reason: 'the line is not UTF-8' };
  let document: unknown;
  try {
    document = JSON.parse(text.toString('utf8'));
  } catch (error) {
    return {
      reason: `the line is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return { reason: 'the line is not a JSON object' };
  }
  const value = (document as Record<string, unknown>)[keyField];
  if (value === undefined) return { reason: `the line has no field ${JSON.stringify(keyField)}` };
  if (typeof value === 'number') return { key: String(value) };
  if (typeof value !== 'string' || value === '')
    return { reason: `the field ${JSON.stringify(keyField)} is no text` };
  return { key: value };
}
