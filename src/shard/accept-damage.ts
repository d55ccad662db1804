/**
 * What an operator's `accept_data_loss` does to a copy whose log has a hole: records behind the hole move up to its
 * edge, so that base and rest make a sequence again. What the hole swallowed is lost.
 */
import { present } from '../kernel/assert.ts';
import { seq as asSeq, type CopyId } from '../kernel/ids.ts';
import { type LogRecord, RECORD_KIND } from '../log/log-record.ts';
import type { CopyLog } from './copy-log.ts';

/** Bytes of records read at once. */
const READ_BYTES = 1 << 20;

/** Closes the hole. Contract: the copy is not open, and its position says what is missing. */
export async function closeGap(log: CopyLog, copyId: CopyId): Promise<void> {
  const position = present(log.position(copyId), 'a copy with a hole is known to the log');
  const { after, until } = present(position.missing, 'a copy in doubt knows what is missing');
  const rest: LogRecord[] = [];
  for (let next = (until ?? position.lastSeq) + 1; next <= position.lastSeq; ) {
    const records = await log.read(copyId, asSeq(next), READ_BYTES);
    if (records.length === 0) break;
    rest.push(...records);
    next += records.length;
  }
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64BE(BigInt(after));
  const truncate: LogRecord = {
    kind: RECORD_KIND.truncate,
    shardUid: position.shardUid,
    copyId,
    term: position.lastTerm,
    seq: after,
    schemaVersion: 0,
    opId: '',
    callerOpId: false,
    hybridMs: 0,
    payload,
  };
  const moved = rest.map((record, index) => ({
    ...record,
    term: position.lastTerm,
    seq: asSeq(after + 1 + index),
  }));
  await log.append([truncate, ...moved], { internal: true });
}
