/** One batch as one transaction: rows, outcomes, sums and the applied seq are committed together or not at all. */
import type { EngineDatabase } from '../engine/database.ts';
import type { EngineRow } from '../engine/native.ts';
import { type FileRow, writeRowFile } from '../engine/row-file.ts';
import { type Columns, loadClause } from '../engine/statement-text.ts';
import type { EngineTransaction } from '../engine/writer.ts';
import { assert } from '../kernel/assert.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Disk } from '../kernel/disk.ts';
import type { StoreMeta } from './kuzu-store-live.ts';
import { appliesRowByRow } from './kuzu-store-policy.ts';
import { rowOf } from './kuzu-store-row.ts';
import {
  KEY_COLUMN,
  LOADED,
  OP_COLUMN,
  OUTCOME_COLUMNS,
  ROW_COLUMNS,
  STATEMENT,
} from './kuzu-store-schema.ts';
import type { ApplyBatch } from './store.ts';

/** Where and on what a batch is applied. */
export interface ApplyContext {
  readonly engine: EngineDatabase;
  readonly meta: StoreMeta;
  /** Whether outcomes older than the batch's bound may exist: saves a scan per batch. */
  readonly mayForget: boolean;
  readonly scratch: string;
  readonly disk: Disk;
  readonly clock: Clock;
}

interface Removed {
  readonly rows: number;
  readonly bytes: number;
}

/** Applies the batch; the meta row it committed. Contract: keys are distinct, outcomes' ids too. */
export async function applyBatch(context: ApplyContext, batch: ApplyBatch): Promise<StoreMeta> {
  const { engine, meta } = context;
  const puts = rowsOf(batch);
  const files = await rowFiles(context, batch, puts);
  try {
    return await engine.write(async (transaction) => {
      const removed = await replaceRows(transaction, { batch, puts, files });
      await replaceOutcomes(transaction, { batch, files, mayForget: context.mayForget });
      const next: StoreMeta = {
        applied: batch.seq,
        commits: meta.commits + 1,
        keys: meta.keys - removed.rows + puts.length,
        bytes: meta.bytes - removed.bytes + puts.reduce((sum, row) => sum + Number(row.bytes), 0),
      };
      assert(next.keys >= 0 && next.bytes >= 0, 'sums never fall below zero');
      await transaction.run(STATEMENT.setMeta, { ...next });
      return next;
    });
  } finally {
    for (const file of Object.values(files))
      if (file !== undefined) await context.disk.remove(file);
  }
}

interface RowFiles {
  /** Absent when the batch goes row by row. */
  readonly keys?: string | undefined;
  readonly rows?: string | undefined;
  readonly operations?: string | undefined;
  readonly outcomes?: string | undefined;
}

function rowsOf(batch: ApplyBatch): FileRow[] {
  const rows: FileRow[] = [];
  for (const change of batch.changes)
    if (change.kind === 'put') rows.push(rowOf(change.key, change.stored));
  return rows;
}

async function rowFiles(
  context: ApplyContext,
  batch: ApplyBatch,
  puts: readonly FileRow[],
): Promise<RowFiles> {
  const write = async (
    name: string,
    columns: Columns,
    rows: Iterable<FileRow>,
  ): Promise<string> => {
    const path = `${context.scratch}/${name}.json`;
    await writeRowFile(path, { columns, rows, clock: context.clock });
    return path;
  };
  const { changes, outcomes } = batch;
  const isByRow = appliesRowByRow(changes.length, context.meta.keys);
  return {
    ...(isByRow
      ? {}
      : {
          keys: await write(
            'keys',
            KEY_COLUMN,
            changes.map(({ key }) => ({ k: key })),
          ),
        }),
    ...(isByRow || puts.length === 0 ? {} : { rows: await write('rows', ROW_COLUMNS, puts) }),
    ...(outcomes.length === 0
      ? {}
      : {
          operations: await write(
            'operations',
            OP_COLUMN,
            outcomes.map(({ opId }) => ({ op: opId })),
          ),
          outcomes: await write('outcomes', OUTCOME_COLUMNS, outcomes.map(outcomeRow)),
        }),
  };
}

const outcomeRow = (outcome: ApplyBatch['outcomes'][number]): FileRow => ({
  op: outcome.opId,
  at: outcome.recordedAtMs,
  fingerprint: outcome.fingerprint,
  answer: outcome.answer,
});

/** Delete and create, never SET: in-place updates of strings make the file grow thirty times as fast. */
async function replaceRows(
  transaction: EngineTransaction,
  work: { batch: ApplyBatch; puts: readonly FileRow[]; files: RowFiles },
): Promise<Removed> {
  const { keys, rows } = work.files;
  if (keys !== undefined) {
    const removed = removedOf(
      await transaction.runText(`${loadClause(keys, KEY_COLUMN)} ${LOADED.deleteRows}`),
    );
    if (rows !== undefined)
      await transaction.runText(`${loadClause(rows, ROW_COLUMNS)} ${LOADED.createRows}`);
    return removed;
  }
  let removed: Removed = { rows: 0, bytes: 0 };
  for (const { key } of work.batch.changes) {
    const one = removedOf(await transaction.run(STATEMENT.deleteRow, { k: key }));
    removed = { rows: removed.rows + one.rows, bytes: removed.bytes + one.bytes };
  }
  for (const row of work.puts) await transaction.run(STATEMENT.createRow, { ...row });
  return removed;
}

async function replaceOutcomes(
  transaction: EngineTransaction,
  work: { batch: ApplyBatch; files: RowFiles; mayForget: boolean },
): Promise<void> {
  const { operations, outcomes } = work.files;
  if (work.mayForget)
    await transaction.run(STATEMENT.forgetOutcomes, { before: work.batch.forgetOutcomesBeforeMs });
  if (operations === undefined || outcomes === undefined) return;
  await transaction.runText(`${loadClause(operations, OP_COLUMN)} ${LOADED.deleteOutcomes}`);
  await transaction.runText(`${loadClause(outcomes, OUTCOME_COLUMNS)} ${LOADED.createOutcomes}`);
}

function removedOf(rows: readonly EngineRow[]): Removed {
  return { rows: Number(rows[0]?.rows ?? 0), bytes: Number(rows[0]?.bytes ?? 0) }; // a sum over nothing is null
}
