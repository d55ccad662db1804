/** `make stop`: ends what `make start` and `make start-test` started, within 10 s. */

import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { isOurs, pidFileOf, readPids } from './cluster-files.mjs';

const STOP_MS_MAX = 12_000;
let found = false;
for (const isTest of [false, true]) {
  const pids = readPids(pidFileOf(isTest));
  if (!pids) continue;
  const pid = [pids.start, pids.foreman].find(isOurs);
  if (pid === undefined) {
    rmSync(pidFileOf(isTest), { force: true });
    continue;
  }
  found = true;
  process.kill(pid, 'SIGINT');
  const endsAt = Date.now() + STOP_MS_MAX;
  while ((isOurs(pids.start) || isOurs(pids.foreman)) && Date.now() < endsAt) await pause(100);
  if (isOurs(pids.start) || isOurs(pids.foreman)) {
    console.error(`torua: process ${pid} did not end within ${STOP_MS_MAX / 1_000} s`);
    process.exitCode = 1;
  } else {
    rmSync(pidFileOf(isTest), { force: true });
    console.log('torua: stopped');
  }
}
if (!found) console.log('torua: no cluster of this folder runs');
