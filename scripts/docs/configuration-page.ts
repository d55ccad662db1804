/** docs/reference/configuration.md, from the zod objects of the two processes. */
import type { z } from 'zod';
import { code, page, table } from './markdown.ts';

/** A schema of a process's environment. */
export type EnvironmentSchema = z.ZodObject<z.ZodRawShape>;

/** One variable as the page shows it. */
export interface VariableRow {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** The default as it would be written; empty when there is none. */
  readonly defaultText: string;
}

/** The variables of a schema, in its order. */
export function variablesOf(schema: EnvironmentSchema): VariableRow[] {
  return Object.entries(schema.shape).map(([name, field]) => ({
    name,
    description: descriptionOf(field),
    required: !acceptsNothing(field),
    defaultText: defaultOf(field),
  }));
}

/** The whole page. */
export function configurationPage(schemas: {
  readonly coordinator: EnvironmentSchema;
  readonly node: EnvironmentSchema;
}): string {
  return page(
    'Configuration',
    'Both processes read the environment once, at their start. A bad value stops the process with one line that ' +
      'names the variable, its value and what is allowed. A `TORUA_*` name that nobody knows is an error too; the ' +
      'line suggests a near name. An empty value counts as absent.',
    'Durations are written `500ms`, `2s`, `1m`, `1h`; sizes `64KiB`, `16MiB`, `1GiB` or a number of bytes.',
    `## Coordinator\n\n${rowsOf(schemas.coordinator)}`,
    `## Node\n\n${rowsOf(schemas.node)}`,
    '## Read by tools\n\nBoth processes accept and ignore these.\n\n' +
      table(
        ['variable', 'meaning'],
        [
          ['`TORUA_URL`', 'Address that the command line, the SDK and the test helper talk to.'],
          ['`TORUA_TOKEN`', 'Token that they send.'],
          ['`TORUA_PORT`', 'First port of `make start`; published port of docker-compose.yml.'],
          [
            '`TORUA_HARNESS`',
            'How the scenarios get their cluster: `inproc`, `procs` or `compose`.',
          ],
          ['`TORUA_SEED`', 'Seed that simulations and property tests replay.'],
          ['`TORUA_DATA_SETS`', 'Folder of the data sets that some tests read.'],
        ],
      ),
    '## Settings of a running cluster\n\n`GET /cluster/config` shows them, `PUT /cluster/config` changes a part of ' +
      'them; see [http.md](http.md). Variables that describe a cluster (number of shards, replication, first ' +
      'assignment) count at the first start of a coordinator only.',
  );
}

function rowsOf(schema: EnvironmentSchema): string {
  return table(
    ['variable', 'default', 'meaning'],
    variablesOf(schema).map((row) => [
      code(row.name),
      row.required ? '**required**' : code(row.defaultText),
      row.description,
    ]),
  );
}

interface Definition {
  readonly type: string;
  readonly innerType?: z.core.$ZodType | undefined;
  readonly in?: z.core.$ZodType | undefined;
  readonly out?: z.core.$ZodType | undefined;
  readonly defaultValue?: unknown;
}

const definitionOf = (type: z.core.$ZodType): Definition => type._zod.def as unknown as Definition;

function descriptionOf(type: z.core.$ZodType): string {
  const own = 'description' in type ? type.description : undefined;
  if (typeof own === 'string') return own;
  const definition = definitionOf(type);
  const inner = definition.innerType ?? definition.in;
  return inner === undefined ? '' : descriptionOf(inner);
}

function acceptsNothing(type: z.core.$ZodType): boolean {
  const { type: kind, innerType, in: input } = definitionOf(type);
  if (kind === 'optional' || kind === 'default' || kind === 'prefault') return true;
  const inner = innerType ?? input;
  return inner === undefined ? false : acceptsNothing(inner);
}

function defaultOf(type: z.core.$ZodType): string {
  const { type: kind, defaultValue, innerType, in: input } = definitionOf(type);
  if (kind === 'default' || kind === 'prefault') {
    return typeof defaultValue === 'string' ? defaultValue : JSON.stringify(defaultValue);
  }
  const inner = innerType ?? input;
  return inner === undefined ? '' : defaultOf(inner);
}
