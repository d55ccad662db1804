/**
 * Ends processes and removes folders when the process that started them dies, however it dies. A shell reads one
 * command per line from a pipe; the kernel closes the pipe when the owner is gone, also after SIGKILL. A shell,
 * because it costs 1 MiB where a Node process would cost 40, and because no flag is needed in what it watches.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/**
 * `watch PID`, `forget PID`, `remove PATH`, `keep`. After the end of the input: SIGTERM (and SIGCONT, for suspended
 * ones), `$1` seconds of grace, SIGKILL, then the folder is removed.
 */
const SCRIPT = `
pids='' folder=''
while read -r verb rest; do
  case "$verb" in
    watch) pids="$pids $rest" ;;
    forget) others=''; for pid in $pids; do [ "$pid" = "$rest" ] || others="$others $pid"; done; pids="$others" ;;
    remove) folder="$rest" ;;
    keep) folder='' ;;
  esac
done
for pid in $pids; do kill -TERM "$pid" 2>/dev/null; kill -CONT "$pid" 2>/dev/null; done
seconds=0
while [ "$seconds" -lt "$1" ]; do
  alive=''
  for pid in $pids; do kill -0 "$pid" 2>/dev/null && alive=yes; done
  [ -n "$alive" ] || break
  sleep 1
  seconds=$((seconds + 1))
done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
[ -z "$folder" ] || { sleep 0.2; rm -rf -- "$folder"; }
`;

/** A guard over processes and one folder. Its own process never outlives its task and never keeps the owner alive. */
export interface Watchdog {
  watch(pid: number): void;
  /** The process ended or is somebody else's. */
  forget(pid: number): void;
  /** Removes the folder at the end. Contract: the path holds no line feed. */
  remove(folder: string): void;
  /** Leaves the folder alone after all. */
  keep(): void;
  /** Ends the guard; what it still watches is ended too. Resolves when it is gone. */
  close(): Promise<void>;
}

/** Starts a guard. `graceSeconds`: between SIGTERM and SIGKILL, 0 for what is thrown away. */
export function startWatchdog(graceSeconds: number): Watchdog {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'torua-watchdog', String(graceSeconds)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const gone = endOf(shell);
  shell.unref();
  const input = shell.stdin as typeof shell.stdin & { unref(): void };
  input.unref();
  // A guard that was killed cannot be told anything; its owner still ends its children itself.
  input.on('error', () => {});
  const tell = (line: string): void => {
    input.write(`${line}\n`);
  };
  return {
    watch: (pid) => tell(`watch ${pid}`),
    forget: (pid) => tell(`forget ${pid}`),
    remove: (folder) => tell(`remove ${folder}`),
    keep: () => tell('keep'),
    close: async () => {
      shell.ref();
      input.end();
      await gone;
    },
  };
}

const endOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
