/** What `make start` and `make stop` share: the file with the pids, and the Procfile for another number of nodes. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** Where the pids of a running cluster are kept. */
export const pidFileOf = (isTest) => (isTest ? '.torua/start-test.json' : '.torua/start.json');

/** The kept pids, or undefined. */
export function readPids(file) {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Half-written by a start that was killed: nothing that could be stopped.
    return undefined;
  }
}

/** Whether the process runs and is one of ours: a pid from a file may belong to somebody else by now. */
export function isOurs(pid) {
  if (!Number.isInteger(pid)) return false;
  try {
    // Small containers have no ps, and other systems have no /proc.
    const command = existsSync(`/proc/${pid}/cmdline`)
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      : execFileSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
    return /foreman\/nf\.js|scripts\/start\.mjs/.test(command);
  } catch {
    return false;
  }
}

/** Path of a Procfile with that many nodes: the committed one for three, else one derived from its first node. */
export function procfileFor(text, nodes) {
  if (nodes === 3) return 'Procfile';
  const lines = text.split('\n');
  const coordinator = lines.find((line) => line.startsWith('coordinator:'));
  const first = lines.find((line) => line.startsWith('node-1:'));
  const others = Array.from({ length: nodes }, (_, index) =>
    first.replaceAll('node-1', `node-${index + 1}`).replace('} + 1))', `} + ${index + 1}))`),
  );
  writeFileSync('.torua/Procfile', `${[coordinator, ...others].join('\n')}\n`);
  return '.torua/Procfile';
}
