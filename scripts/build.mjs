/** Compiles src/ to dist/esm and writes the two CommonJS entries from scripts/entry.cjs. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const marker = 'node_modules/.cache/torua/build.tsbuildinfo';
if (!existsSync('dist/esm')) rmSync(marker, { force: true });
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
const entry = readFileSync('scripts/entry.cjs', 'utf8');
for (const room of ['coordinator', 'node']) {
  mkdirSync(`dist/${room}`, { recursive: true });
  writeFileSync(`dist/${room}/main.js`, entry.replace('ROOM', room));
  writeFileSync(`dist/${room}/package.json`, '{"type":"commonjs"}\n');
}
if (existsSync('dist/esm/cli/main.js')) chmodSync('dist/esm/cli/main.js', 0o755);
