/** The generated pages and where each comes from. A page whose source does not exist is reported, not made. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { commandPage, type HelpfulCommand } from './command-page.ts';
import { configurationPage, type EnvironmentSchema } from './configuration-page.ts';
import { betweenMarkers } from './markdown.ts';
import {
  type DeferredRow,
  type ErrorRow,
  errorsPage,
  type MetricRow,
  metricsPage,
  roadmapPage,
} from './reference-pages.ts';

/** One file that this script writes: its text, or why there is none. */
export interface GeneratedFile {
  readonly path: string;
  readonly text?: string | undefined;
  readonly missing?: string | undefined;
}

type Module = Readonly<Record<string, unknown>>;

/** Everything that is generated, in the order of the paths below. */
export async function generatedFiles(): Promise<GeneratedFile[]> {
  return [
    await fromExport(
      'docs/reference/errors.md',
      'src/kernel/error-codes.ts',
      'ERROR_CODES',
      (codes) => errorsPage(codes as Record<string, ErrorRow>),
    ),
    await fromExport(
      'docs/reference/metrics.md',
      'src/kernel/metric-table.ts',
      'METRICS',
      (metrics) => metricsPage(metrics as Record<string, MetricRow>),
    ),
    await fromExport('docs/roadmap.md', 'test/requirements.ts', 'REQUIREMENTS', (requirements) =>
      roadmapPage((requirements as (DeferredRow & { status?: string })[]).filter(isDeferred)),
    ),
    await configuration(),
    await commandLine(),
    await diagrams(),
  ];
}

const isDeferred = ({ status }: { readonly status?: string }): boolean => status === 'deferred';

async function configuration(): Promise<GeneratedFile> {
  const path = 'docs/reference/configuration.md';
  const coordinator = await load('src/coordinator/config.ts', 'coordinatorEnvironmentSchema');
  const node = await load('src/node/config.ts', 'nodeEnvironmentSchema');
  if (coordinator === undefined) return missing(path, 'src/coordinator/config.ts');
  if (node === undefined) return missing(path, 'src/node/config.ts');
  const text = configurationPage({
    coordinator: coordinator as EnvironmentSchema,
    node: node as EnvironmentSchema,
  });
  return { path, text };
}

/** The help of every command. A command asks its process for nothing while its help is written. */
async function commandLine(): Promise<GeneratedFile> {
  const path = 'docs/reference/cli.md';
  const build = await load('src/cli/program.ts', 'buildProgram');
  if (build === undefined) return missing(path, 'buildProgram of src/cli/program.ts');
  const nothing = (): void => {};
  const context = { print: nothing, tell: nothing, isTty: false };
  const program = await (build as (context: object) => Promise<HelpfulCommand>)(context);
  return { path, text: commandPage(program, helpText) };
}

/** The two state diagrams inside ARCHITECTURE.md; the rest of that file is written by people. */
async function diagrams(): Promise<GeneratedFile> {
  const path = 'ARCHITECTURE.md';
  if (!existsSync(path)) return missing(path, path);
  let text = readFileSync(path, 'utf8');
  for (const name of ['nodeLifecycleDiagram', 'shardLifecycleDiagram']) {
    const draw = await load('src/cluster/state-diagram.ts', name);
    if (draw === undefined) return missing(path, `${name} of src/cluster/state-diagram.ts`);
    const diagram = `\`\`\`mermaid\n${(draw as () => string)().trimEnd()}\n\`\`\``;
    const replaced = betweenMarkers(text, name, diagram);
    if (replaced === undefined) return missing(path, `its markers <!-- generated:${name} -->`);
    text = replaced;
  }
  return { path, text };
}

async function fromExport(
  path: string,
  source: string,
  name: string,
  render: (value: unknown) => string,
): Promise<GeneratedFile> {
  const value = await load(source, name);
  return value === undefined
    ? missing(path, `${name} of ${source}`)
    : { path, text: render(value) };
}

async function load(source: string, name: string): Promise<unknown> {
  if (!existsSync(source)) return undefined;
  const module = (await import(pathToFileURL(resolve(source)).href)) as Module;
  return module[name];
}

const missing = (path: string, what: string): GeneratedFile => ({ path, missing: what });

/** Help as `--help` prints it, with the texts that commands add behind it. */
function helpText(command: HelpfulCommand): string {
  const printer = command as unknown as {
    configureOutput(output: object): void;
    outputHelp(): void;
  };
  let text = '';
  printer.configureOutput({
    writeOut: (part: string) => {
      text += part;
    },
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  printer.outputHelp();
  return text;
}
