/** Pages of docs/reference that are made from tables in the code. Pure: data in, Markdown out. */
import { code, page, table } from './markdown.ts';

/** A row of the table of error codes. */
export interface ErrorRow {
  readonly title: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly remedy: string;
}

/** docs/reference/errors.md. */
export function errorsPage(codes: Readonly<Record<string, ErrorRow>>): string {
  const rows = Object.entries(codes).map(([name, row]) => [
    `<a id="${name}"></a>${code(name)}`,
    String(row.status),
    row.retryable ? 'yes' : 'no',
    row.title,
    row.remedy,
  ]);
  return page(
    'Error codes',
    'Every error is `application/problem+json` with these fields: `type`, `title`, `status`, `detail`, `instance`, ' +
      '`code`, `retryable`, `request_id`. Some codes add fields of their own, such as `missing_shards`.',
    'Compare `code`: it is stable. Show `detail`: it names the value at fault. `retryable` says whether the same ' +
      'request may succeed later without a change. A running coordinator serves this table at `GET /errors`.',
    table(['code', 'status', 'retryable', 'title', 'what to do'], rows),
  );
}

/** A row of the table of metrics. */
export interface MetricRow {
  readonly kind: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly process: string;
}

/** docs/reference/metrics.md. */
export function metricsPage(metrics: Readonly<Record<string, MetricRow>>): string {
  const rows = Object.entries(metrics).map(([name, row]) => [
    code(name),
    row.kind,
    row.labels.map(code).join(', '),
    row.process,
    row.help,
  ]);
  return page(
    'Metrics',
    'Both processes answer `GET /metrics` in the Prometheus text format. The column *filled by* says which process ' +
      'moves a metric. Label values come from bounded sets: never keys, never texts of queries.',
    'The metrics of the process itself (`process_*`, `nodejs_*`) come from prom-client and are not listed here.',
    table(['name', 'kind', 'labels', 'filled by', 'meaning'], rows),
  );
}

/** A requirement that was left to a later issue. */
export interface DeferredRow {
  readonly id: string;
  readonly sentence: string;
  readonly source: string;
  readonly reason?: string | undefined;
}

/** docs/roadmap.md: deferred requirements grouped by their reason, in the order of the ledger. */
export function roadmapPage(deferred: readonly DeferredRow[]): string {
  const reasons = [...new Set(deferred.map(({ reason }) => reason ?? ''))];
  const sections = reasons.map((reason) => {
    const [title, rest] = splitReason(reason);
    const items = deferred
      .filter((entry) => (entry.reason ?? '') === reason)
      .map(({ id, sentence }) => `- ${sentence} (${code(id)})`);
    return `## ${title}\n\n${rest}\n\n${items.join('\n')}`;
  });
  return page(
    'Roadmap',
    'What is not built yet. Requests for it are answered with 501 `not_implemented`, or refused with the reason. ' +
      'The list is made from the deferred entries of the requirements ledger (`test/requirements/later.ts`).',
    ...sections,
  );
}

function splitReason(reason: string): [title: string, rest: string] {
  const colon = reason.indexOf(': ');
  const title = colon < 0 ? reason : reason.slice(0, colon);
  const rest = colon < 0 ? '' : reason.slice(colon + 2);
  return [title, rest.charAt(0).toUpperCase() + rest.slice(1)];
}
