import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';

/** A process that installs the handlers, says so, and then does `act`. */
async function run(body: string, signal: NodeJS.Signals | undefined): Promise<[number, string]> {
  const code = `
    const { installShutdown } = await import(${JSON.stringify(new URL('./shutdown.ts', import.meta.url).href)});
    const quiet = () => {};
    const logger = { error: quiet, warn: quiet, info: quiet, debug: quiet };
    setInterval(quiet, 1000);
    ${body}
    console.log('ready');
  `;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code]);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (signal !== undefined && chunk.toString().includes('ready')) child.kill(signal);
  });
  const [exitCode] = (await once(child, 'close')) as [number];
  return [exitCode, output];
}

test('SIGTERM closes and ends with 0, with the name of the signal', async () => {
  const close = `installShutdown({ logger, graceMs: 5000, close: async (reason) => console.log('closed ' + reason) });`;
  expect(await run(close, 'SIGTERM')).toEqual([0, 'ready\nclosed SIGTERM\n']);
});

test('an error nobody caught closes and ends with 1', async () => {
  const close = `installShutdown({ logger, graceMs: 5000, close: async (reason) => console.log('closed ' + reason.message) });
    setTimeout(() => { throw new Error('bug'); }, 1);`;
  expect(await run(close, undefined)).toEqual([1, 'ready\nclosed bug\n']);
});

test('a close that hangs ends with 1 when its time is over', async () => {
  const close = 'installShutdown({ logger, graceMs: 50, close: () => new Promise(() => {}) });';
  expect((await run(close, 'SIGINT'))[0]).toBe(1);
});
