/** Compiles src/ to dist/esm and writes the two CommonJS entries from scripts/entry.cjs. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

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
// `npx torua` in a clone: the link that installing the package elsewhere would make.
const command = 'dist/esm/cli/main.js';
chmodSync(command, 0o755);
mkdirSync('node_modules/.bin', { recursive: true });
rmSync('node_modules/.bin/torua', { force: true });
symlinkSync(`../../${command}`, 'node_modules/.bin/torua');
