/** What the command line takes from the environment; the only reader of it in this room. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readEnvironment } from '../kernel/config.ts';
import { FEW_ARENAS } from '../testing/config.ts';

const schema = z.object({
  TORUA_URL: z.string().default('http://127.0.0.1:8080').describe('Address of a coordinator'),
  TORUA_TOKEN: z.string().optional().describe('Sent as a bearer token'),
});

/** Where commands go when no option says otherwise. */
export interface CliConfig {
  readonly url: string;
  readonly token: string | undefined;
}

/** The environment's settings. Errors: `config_invalid` for a misspelt TORUA_* name. */
export function readCliConfig(): CliConfig {
  const { TORUA_URL, TORUA_TOKEN } = readEnvironment(schema, process.env);
  return { url: TORUA_URL, token: TORUA_TOKEN };
}

/** The whole environment plus `extra`, for a command that the user gave. */
export function environmentWith(
  extra: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  return { ...process.env, ...extra };
}

/** The environment of a supervised process: what its operator set comes before what we would. */
export function supervisedEnvironment(): Record<string, string | undefined> {
  return { ...FEW_ARENAS, ...process.env };
}

/** The package's own version; this file lies two folders below its package.json, three once it is compiled. */
export function packageVersion(): string {
  const folders = import.meta.url.endsWith('.ts') ? '../../' : '../../../';
  const text = readFileSync(new URL(`${folders}package.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
