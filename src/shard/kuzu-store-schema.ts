/**
 * Tables and statements of the key store inside the engine. Few STRING columns on purpose: each one touched makes a
 * checkpoint rewrite its chunk, so type, etag and value of a row share one (see kuzu-store-row.ts).
 */
import { type Columns, columnList } from '../engine/statement-text.ts';

/** Version of tables and rows; a database with another one is rebuilt from its base or refused. */
export const STORE_FORMAT = 1;

/** Columns of `_kv` as they are loaded and exported. */
export const ROW_COLUMNS = {
  k: 'STRING',
  v: 'STRING',
  bytes: 'INT64',
  expires: 'INT64',
  is_blob: 'INT64',
} as const satisfies Columns;
/** Columns of `_outcome`. */
export const OUTCOME_COLUMNS = {
  op: 'STRING',
  at: 'INT64',
  fingerprint: 'STRING',
  answer: 'STRING',
} as const satisfies Columns;
/** The column by which rows are deleted. */
export const KEY_COLUMN = { k: 'STRING' } as const satisfies Columns;
/** The column by which outcomes are replaced. */
export const OP_COLUMN = { op: 'STRING' } as const satisfies Columns;

/** Run once in a new database, in order. */
export const CREATE_TABLES: readonly string[] = [
  `CREATE NODE TABLE _kv(${columnList(ROW_COLUMNS)}, PRIMARY KEY (k))`,
  `CREATE NODE TABLE _outcome(${columnList(OUTCOME_COLUMNS)}, PRIMARY KEY (op))`,
  'CREATE NODE TABLE _meta(id INT64, format INT64, applied INT64, commits INT64, keys INT64, bytes INT64, PRIMARY KEY (id))',
];

/** Statements by what they do. Parameters are typed; see engine/parameters.ts. */
export const STATEMENT = {
  createMeta:
    'CREATE (:_meta {id: 0, format: $format, applied: $applied, commits: $commits, keys: $keys, bytes: $bytes})',
  setMeta:
    'MATCH (m:_meta {id: 0}) SET m.applied = $applied, m.commits = $commits, m.keys = $keys, m.bytes = $bytes',
  readMeta:
    'MATCH (m:_meta {id: 0}) RETURN m.format AS format, m.applied AS applied, m.commits AS commits, m.keys AS keys, m.bytes AS bytes',
  countRows: 'MATCH (n:_kv) RETURN count(*) AS keys',
  readRow:
    'MATCH (n:_kv {k: $k}) RETURN n.k AS k, n.v AS v, n.bytes AS bytes, n.expires AS expires',
  deleteRow: 'MATCH (n:_kv {k: $k}) DELETE n RETURN count(*) AS rows, sum(n.bytes) AS bytes',
  createRow: 'CREATE (:_kv {k: $k, v: $v, bytes: $bytes, expires: $expires, is_blob: $is_blob})',
  expiredKeys:
    'MATCH (n:_kv) WHERE n.expires > 0 AND n.expires <= $now RETURN n.k AS k LIMIT $limit',
  blobRows: 'MATCH (n:_kv) WHERE n.is_blob = 1 RETURN n.v AS v',
  forgetOutcomes: 'MATCH (o:_outcome) WHERE o.at < $before DELETE o',
  outcomes:
    'MATCH (o:_outcome) RETURN o.op AS op, o.at AS at, o.fingerprint AS fingerprint, o.answer AS answer ORDER BY at, op',
  oldestOutcome: 'MATCH (o:_outcome) RETURN min(o.at) AS at',
} as const;

/** What follows a LOAD clause. */
export const LOADED = {
  deleteRows: 'MATCH (n:_kv) WHERE n.k = k DELETE n RETURN count(*) AS rows, sum(n.bytes) AS bytes',
  createRows: 'CREATE (:_kv {k: k, v: v, bytes: bytes, expires: expires, is_blob: is_blob})',
  deleteOutcomes: 'MATCH (o:_outcome) WHERE o.op = op DELETE o',
  createOutcomes: 'CREATE (:_outcome {op: op, at: at, fingerprint: fingerprint, answer: answer})',
} as const;

/** Queries whose rows make up a base, in the column order that COPY expects; the big table last. */
export const EXPORTED_TABLES = [
  {
    name: '_outcome',
    query:
      'MATCH (o:_outcome) RETURN o.op AS op, o.at AS at, o.fingerprint AS fingerprint, o.answer AS answer',
  },
  {
    name: '_kv',
    query:
      'MATCH (n:_kv) RETURN n.k AS k, n.v AS v, n.bytes AS bytes, n.expires AS expires, n.is_blob AS is_blob',
  },
] as const;

/** The text of a listing; `columns` are those of the rows wanted. The engine orders strings by their UTF-8 bytes. */
export function listText(
  range: { start: boolean; startExclusive: boolean; end: boolean },
  columns: string,
): string {
  const bounds = [
    ...(range.start ? [range.startExclusive ? 'n.k > $from' : 'n.k >= $from'] : []),
    ...(range.end ? ['n.k < $until'] : []),
  ];
  const where = bounds.length === 0 ? '' : `WHERE ${bounds.join(' AND ')} `;
  return `MATCH (n:_kv) ${where}RETURN ${columns} ORDER BY k LIMIT $limit`;
}
