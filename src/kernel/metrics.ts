/**
 * Metrics: the only importer of prom-client. Handles are plain numbers of ours, bound once and cheap to move on a hot
 * path; prom-client reads them when somebody scrapes and writes the text. One registry per object, none is global.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type Buckets, createBuckets, createRecentLatencies } from './buckets.ts';
import {
  type LabelsOf,
  METRICS,
  type MetricDefinition,
  type MetricName,
  type NameOf,
} from './metric-table.ts';

/** Counts up. */
export interface CounterHandle {
  add(amount?: number): void;
}

/** Goes up and down. */
export interface GaugeHandle {
  set(value: number): void;
  add(amount: number): void;
}

/** Collects durations or sizes, in the metric's unit. */
export interface HistogramHandle {
  observe(value: number): void;
}

/** What the last ten seconds looked like; zeros when nothing happened. */
export interface RecentFigures {
  readonly qps: number;
  readonly latencyMsP99: number;
  /** Hits per look-up since the start, 0 to 1, over all caches. */
  readonly cacheHitRate: number;
}

/** All metrics of one process. */
export interface Metrics {
  /** The handle for one set of label values; the same one each time. Bind it once, outside the hot path. */
  counter<Name extends NameOf<'counter'>>(name: Name, labels: LabelsOf<Name>): CounterHandle;
  gauge<Name extends NameOf<'gauge'>>(name: Name, labels: LabelsOf<Name>): GaugeHandle;
  histogram<Name extends NameOf<'histogram'>>(name: Name, labels: LabelsOf<Name>): HistogramHandle;
  /** Sets a labelled gauge to exactly these rows; values of labels that are gone disappear. */
  replaceGauge<Name extends NameOf<'gauge'>>(
    name: Name,
    rows: readonly { labels: LabelsOf<Name>; value: number }[],
  ): void;
  /** Runs before each scrape: for figures that are cheaper to ask for than to follow. */
  beforeScrape(task: () => void): void;
  /** One request was answered; `nowMs` is monotonic. Feeds `torua_request_latency_seconds` and `recent`. */
  requestFinished(durationMs: number, nowMs: number): void;
  recent(nowMs: number): RecentFigures;
  /** The Prometheus text form and its content type. */
  scrape(): Promise<{ contentType: string; text: string }>;
}

/** Creates the registry with every metric of the table. `processMetrics` adds prom-client's own about the process. */
export function createMetrics(options: { processMetrics: boolean }): Metrics {
  const registry = new Registry();
  const scrapeTasks: (() => void)[] = [];
  const families = new Map<MetricName, Family>();
  for (const [name, definition] of Object.entries(METRICS)) {
    families.set(name as MetricName, createFamily(name, definition, registry));
  }
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const family = (name: MetricName): Family => families.get(name) as Family;
  const latency = family('torua_request_latency_seconds').child({}).buckets;
  const recentLatencies = createRecentLatencies();
  return {
    counter: (name, labels) => family(name).child(labels),
    gauge: (name, labels) => family(name).child(labels),
    histogram: (name, labels) => family(name).child(labels),
    replaceGauge: (name, rows) => {
      family(name).clear();
      for (const row of rows) family(name).child(row.labels).set(row.value);
    },
    beforeScrape: (task) => {
      scrapeTasks.push(task);
    },
    requestFinished: (durationMs, nowMs) => {
      latency.observe(durationMs / 1_000);
      recentLatencies.record(durationMs, nowMs);
    },
    recent: (nowMs) => ({
      ...recentLatencies.figures(nowMs),
      cacheHitRate: hitRate(family('torua_cache_requests_total')),
    }),
    scrape: async () => {
      for (const task of scrapeTasks) task();
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

/** The value under one set of labels. A counter, a gauge and a histogram at once: the table says which one is meant. */
class Child {
  readonly labels: Readonly<Record<string, string>>;
  readonly buckets: Buckets;
  value = 0;

  constructor(labels: Readonly<Record<string, string>>, bounds: readonly number[]) {
    this.labels = labels;
    this.buckets = createBuckets(bounds);
  }

  add(amount = 1): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }

  observe(value: number): void {
    this.buckets.observe(value);
  }
}

interface Family {
  child(labels: Readonly<Record<string, string>>): Child;
  children(): Iterable<Child>;
  clear(): void;
}

function createFamily(name: string, definition: MetricDefinition, registry: Registry): Family {
  const children = new Map<string, Child>();
  const family: Family = {
    child: (labels) => {
      const key = definition.labels.map((label) => labels[label]).join('\u0000');
      let child = children.get(key);
      if (child === undefined) {
        child = new Child(labels, definition.buckets ?? []);
        children.set(key, child);
      }
      return child;
    },
    children: () => children.values(),
    clear: () => children.clear(),
  };
  if (definition.labels.length === 0) family.child({});
  expose(name, definition, family, registry);
  return family;
}

function expose(
  name: string,
  definition: MetricDefinition,
  family: Family,
  registry: Registry,
): void {
  const settings = {
    name,
    help: definition.help,
    labelNames: [...definition.labels],
    registers: [registry],
  };
  switch (definition.kind) {
    case 'counter': {
      const counter: Counter = new Counter({
        ...settings,
        collect: () => {
          counter.reset();
          for (const child of family.children()) counter.inc({ ...child.labels }, child.value);
        },
      });
      return;
    }
    case 'gauge': {
      const gauge: Gauge = new Gauge({
        ...settings,
        collect: () => {
          gauge.reset();
          for (const child of family.children()) gauge.set({ ...child.labels }, child.value);
        },
      });
      return;
    }
    default:
      new OwnHistogram(settings, family);
  }
}

/** prom-client's histogram hashes its labels on each observation; this one only writes out buckets counted by us. */
class OwnHistogram extends Histogram {
  readonly #family: Family;
  readonly #name: string;
  readonly #help: string;

  constructor(
    settings: { name: string; help: string; labelNames: string[]; registers: Registry[] },
    family: Family,
  ) {
    super(settings);
    this.#family = family;
    this.#name = settings.name;
    this.#help = settings.help;
  }

  /** What prom-client's registry asks for when it writes the text. */
  getForPromString(): ReturnType<Histogram['get']> {
    return this.get();
  }

  override async get(): ReturnType<Histogram['get']> {
    const values = [...this.#family.children()].flatMap((child) => {
      const rows = child.buckets.cumulative().map(({ le, count }) => ({
        metricName: `${this.#name}_bucket`,
        labels: { le, ...child.labels },
        value: count,
      }));
      return [
        ...rows,
        {
          metricName: `${this.#name}_sum`,
          labels: { ...child.labels },
          value: child.buckets.sum(),
        },
        {
          metricName: `${this.#name}_count`,
          labels: { ...child.labels },
          value: child.buckets.count(),
        },
      ];
    });
    return {
      name: this.#name,
      help: this.#help,
      type: 'histogram',
      aggregator: 'sum',
      values,
    } as unknown as Awaited<ReturnType<Histogram['get']>>;
  }
}

function hitRate(caches: Family): number {
  let hits = 0;
  let lookups = 0;
  for (const child of caches.children()) {
    lookups += child.value;
    if (child.labels.result === 'hit') hits += child.value;
  }
  return lookups === 0 ? 0 : hits / lookups;
}
