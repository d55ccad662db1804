/**
 * `make start` and `make start-test`: runs the Procfile under foreman, waits until the cluster is green, prints how to
 * use it, and ends everything on Ctrl-C, SIGTERM or `make stop`. Foreman ends its lines on SIGINT only and would leave
 * them behind on anything else; so it runs in a group of its own and gets exactly one SIGINT, whatever happens here.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { isOurs, pidFileOf, procfileFor, readPids } from './cluster-files.mjs';

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 10_000;

const isTest = process.argv.includes('--test');
const port = isTest ? 18080 : Number(process.env.TORUA_PORT || 8080);
const nodes = isTest ? 3 : Number(process.env.NODES || 3);
const url = `http://127.0.0.1:${port}`;
const pidFile = pidFileOf(isTest);

if (!Number.isInteger(port) || port < 1 || port + nodes > 65_535)
  fail(
    `TORUA_PORT is ${process.env.TORUA_PORT}: it must be a port number with room for the nodes above it`,
  );
if (!Number.isInteger(nodes) || nodes < 1 || nodes > 32)
  fail(`NODES is ${process.env.NODES}: it must be a whole number from 1 to 32`);
mkdirSync('.torua', { recursive: true });
const running = readPids(pidFile);
if (running && isOurs(running.foreman))
  fail(`the cluster runs already (process ${running.foreman}); "make stop" ends it`);
if (await answers(`${url}/livez`))
  fail(`something else listens on ${url}; choose another port: make start TORUA_PORT=9080`);
if (isTest) rmSync('.torua/test-data', { recursive: true, force: true });

const procfile = isTest ? 'Procfile.test' : procfileFor(readFileSync('Procfile', 'utf8'), nodes);
const foreman = spawn(
  process.execPath,
  ['node_modules/foreman/nf.js', '--procfile', procfile, 'start'],
  {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
    env: { ...process.env, NODES: String(nodes), TORUA_PORT: String(port) },
  },
);
const ended = new Promise((resolve) =>
  foreman.once('exit', (code, signal) => resolve(code ?? (signal ? 1 : 0))),
);
writeFileSync(pidFile, JSON.stringify({ start: process.pid, foreman: foreman.pid }));
// If this process is killed, its pipe closes and the shell passes the end on.
const guard = spawn('/bin/sh', ['-c', `cat >/dev/null; kill -INT ${foreman.pid} 2>/dev/null`], {
  stdio: ['pipe', 'ignore', 'ignore'],
  detached: true,
});
guard.unref();

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop());

if (await green()) announce();
else if (!stopping) {
  console.error(
    `torua: the cluster was not green within ${START_MS_MAX / 1_000} s; its last words are above`,
  );
  await stop(1);
}
const code = await ended;
cleanUp();
process.exit(stopping ? (process.exitCode ?? 0) : code || 1);

async function stop(exitCode = 0) {
  if (stopping) return;
  stopping = true;
  process.exitCode = exitCode;
  foreman.kill('SIGINT');
  const inTime = await Promise.race([
    ended.then(() => true),
    pause(STOP_MS_MAX, false, { ref: false }),
  ]);
  if (inTime) return;
  console.error(`torua: not everything ended within ${STOP_MS_MAX / 1_000} s; killing the rest`);
  process.exitCode = 1;
  // The group holds foreman and the supervisors; each supervisor's own guard ends its child.
  process.kill(-foreman.pid, 'SIGKILL');
}

function cleanUp() {
  rmSync(pidFile, { force: true });
  if (isTest) rmSync('.torua/test-data', { recursive: true, force: true });
}

async function green() {
  const endsAt = Date.now() + START_MS_MAX;
  while (
    Date.now() < endsAt &&
    foreman.exitCode === null &&
    foreman.signalCode === null &&
    !stopping
  ) {
    const health = await answers(`${url}/cluster/health`);
    if (health?.status === 'green' && health.healthy_nodes >= nodes) return true;
    await pause(100);
  }
  return false;
}

async function answers(address) {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(1_000) });
    return await response.json().catch(() => ({}));
  } catch {
    // Nobody listens there yet.
    return undefined;
  }
}

function announce() {
  console.log(`
torua: ${nodes} nodes, green, at ${url}

  curl -X PUT ${url}/data/hello -d "world"
  curl ${url}/data/hello
  curl "${url}/cluster/health?pretty"

Ctrl-C or "make stop" ends it; the data ${isTest ? 'goes with it' : 'stays in ./data'}.
`);
}

function fail(reason) {
  console.error(`torua: ${reason}`);
  process.exit(2);
}
