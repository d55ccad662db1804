/** Runs the store's dying children one after another on one directory. Used by the kill tests and by bench/checkpoint. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./shard-store-child.ts', import.meta.url));

/** What one child reported before it died. */
export interface KillRound {
  readonly mode: string;
  /** Seqs found when it opened the store. */
  readonly applied: number;
  readonly base: number;
  /** The marker it left behind: what it was doing when it died. */
  readonly died: string;
  /** Why the round failed; empty when the child verified everything and died as planned. */
  readonly error: string;
}

/** One child per mode; each verifies what the one before left. The last state is verified by a further child. */
export async function killRounds(
  directory: string,
  modes: readonly string[],
): Promise<KillRound[]> {
  const rounds: KillRound[] = [];
  let acknowledged = 0;
  for (const [index, mode] of [...modes, 'checkpoint'].entries()) {
    const luck = ((index * 0.618_034) % 1).toFixed(3); // spread evenly, the same in every run
    const child = await runChild([directory, String(acknowledged), mode, luck]);
    const verified = child.facts.find((fact) => fact.verified === true);
    const [applied, base] = [Number(verified?.applied), Number(verified?.base)];
    const isBack = rounds.at(-1)?.died === 'open' ? applied >= acknowledged : applied === base;
    acknowledged = Math.max(
      acknowledged,
      ...child.facts.map((fact) => Number(fact.acknowledged ?? 0)),
    );
    const isOk = verified !== undefined && child.signal === 'SIGKILL';
    const died = readFileSync(`${directory}/STATE`, 'utf8').replace(/.*"state":"(\w+)".*\s*/, '$1');
    const error = isOk
      ? isBack || index === 0
        ? ''
        : `applied ${applied}, base ${base}`
      : child.stderr;
    rounds.push({ mode, applied, base, died, error });
  }
  return rounds;
}

interface ChildReport {
  readonly facts: readonly Readonly<Record<string, unknown>>[];
  readonly signal: string | null;
  readonly stderr: string;
}

function runChild(args: readonly string[]): Promise<ChildReport> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, ...args]);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (bytes: Buffer) => {
      stdout += bytes.toString();
    });
    child.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes.toString();
    });
    child.on('close', (code, signal) => {
      const lines = stdout.split('\n').slice(0, -1); // the last line may be cut by the kill
      const facts = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      resolve({ facts, signal, stderr: stderr === '' ? `exit ${code} ${signal}` : stderr });
    });
  });
}
