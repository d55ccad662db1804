/** Where the coordinator's and the node's programs are, whether this file runs compiled or from source. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Entry files of the two processes. */
export interface Programs {
  readonly coordinator: string;
  readonly node: string;
}

/**
 * The built programs of the package that this file belongs to: from dist/esm/testing two folders up, from
 * src/testing in ../../dist. Errors: a plain Error that says how to build them.
 */
export function builtPrograms(): Programs {
  const here = dirname(fileURLToPath(import.meta.url));
  const dist = here.endsWith(join('dist', 'esm', 'testing'))
    ? join(here, '..', '..')
    : join(here, '..', '..', 'dist');
  const programs = {
    coordinator: join(dist, 'coordinator', 'main.js'),
    node: join(dist, 'node', 'main.js'),
  };
  for (const file of [programs.coordinator, programs.node]) {
    if (!existsSync(file)) throw new Error(`${file} does not exist; run "npm run build" first`);
  }
  return programs;
}
