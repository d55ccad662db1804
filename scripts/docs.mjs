/**
 * Writes the generated documents: node --import tsx scripts/docs.mjs [--check]
 * With --check nothing is written; it fails when a document is not as its source says, or when a source is missing.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { generatedFiles } from './docs/sources.ts';

const check = process.argv.includes('--check');
const files = await generatedFiles();
const problems = [];
for (const { path, text, missing } of files) {
  if (text === undefined) {
    problems.push(`${path}: not made, ${missing} is missing`);
    continue;
  }
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
  if (check) {
    problems.push(`${path}: out of date, run make docs`);
    continue;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`wrote ${path}`);
}
for (const problem of problems) console.error(problem);
if (check && problems.length > 0) process.exitCode = 1;
else if (check) console.log(`docs: ${files.length} generated documents are up to date`);
