/**
 * What an operator's `accept_data_loss` does to a copy whose log has a hole: the store takes every record that is still
 * there, before the hole and behind it, and becomes a new base; the log goes on behind that. What the hole swallowed is
 * lost, unless the store had it already.
 */
import { assert, present } from '../kernel/assert.ts';
import { seq as asSeq, type CopyId, type Seq } from '../kernel/ids.ts';
import { type LogRecord, RECORD_KIND } from '../log/log-record.ts';
import { truncatePayload } from '../log/record-codec.ts';
import type { CopyParts } from './copy-core.ts';
import { ManifestFile, readManifest } from './manifest.ts';
import { type Generation, storeChangeOf } from './memtable.ts';
import { replayBatches } from './replay.ts';
import { SetAside } from './set-aside.ts';
import type { ShardStore } from './store.ts';

/**
 * Ends the doubt about the copy in `directory`. Safe to repeat after a crash at any point.
 * Contract: the copy is not open, and its position says what is missing.
 */
export async function acceptDamage(parts: CopyParts, directory: string): Promise<void> {
  const manifest = present(await readManifest(parts.disk, directory), 'a copy has a manifest');
  const { log } = parts;
  const copyId = manifest.copy_id;
  const position = present(log.position(copyId), 'a copy with a hole is known to the log');
  const { lastSeq, lastTerm } = position;
  const { after, until } = present(position.missing, 'a copy in doubt knows what is missing');
  const aside = new SetAside(new ManifestFile(parts.disk, directory, manifest));
  const store = await parts.stores.open(directory);
  try {
    await take(parts, { copyId, aside, store, from: asSeq(1), upTo: after });
    if (until !== undefined) {
      await take(parts, { copyId, aside, store, from: asSeq(until + 1), upTo: lastSeq });
    }
    // Behind everything that was ever given out: nothing in the old log means anything any more.
    const edge = asSeq(Math.max(lastSeq, store.appliedSeq) + 1);
    await store.apply({ changes: [], seq: edge, outcomes: [], forgetOutcomesBeforeMs: 0 });
    await store.maintain({ logBytesSinceBase: 0, force: 'rewrite' });
    assert(store.baseSeq === edge, 'a forced rewrite makes a base of everything applied');
    const truncate: LogRecord = {
      kind: RECORD_KIND.truncate,
      shardUid: position.shardUid,
      copyId,
      term: lastTerm,
      seq: edge,
      schemaVersion: 0,
      opId: '',
      callerOpId: false,
      hybridMs: parts.hybrid.now(),
      payload: truncatePayload(edge),
    };
    await log.append([truncate], { internal: true });
    log.retain(copyId, edge);
  } finally {
    await store.close();
  }
}

/** Applies what the store lacks of a stretch of certain records. */
async function take(
  parts: CopyParts,
  stretch: { copyId: CopyId; aside: SetAside; store: ShardStore; from: Seq; upTo: Seq },
): Promise<void> {
  const { copyId, aside, store, upTo } = stretch;
  const { log, memtable: limits } = parts;
  const firstSeq = log.position(copyId)?.firstSeq ?? 1;
  const from = asSeq(Math.max(store.appliedSeq + 1, stretch.from, firstSeq));
  const isCovered = (key: string, seq: Seq): boolean => aside.covers(key, seq);
  const apply = async ({ changes, seq, outcomes }: Generation): Promise<void> => {
    await aside.supersede(changes);
    const batch = { changes: changes.map(storeChangeOf), seq, outcomes };
    await store.apply({ ...batch, forgetOutcomesBeforeMs: 0 });
  };
  await replayBatches(log, { copyId, from, upTo }, { limits, isCovered, apply });
}
