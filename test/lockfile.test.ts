/** The lockfile: a plain `npm ci` has to work on every platform, so every optional package must be named in it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface LockedPackage {
  readonly version: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Names of optional packages that no entry of the lockfile stands for. */
function missingOptional(packages: Readonly<Record<string, LockedPackage>>): string[] {
  const locked = Object.keys(packages);
  return locked.flatMap((path) =>
    Object.keys(packages[path]?.optionalDependencies ?? {}).filter(
      (name) => !locked.some((other) => other.endsWith(`node_modules/${name}`)),
    ),
  );
}

test('an optional package without an entry is found', () => {
  const parent = { version: '1.0.0', optionalDependencies: { 'engine-win32': '1.0.0' } };
  expect(missingOptional({ 'node_modules/engine': parent })).toEqual(['engine-win32']);
});

// @req: house.install-scripts
test('npm ci finds every optional package of every platform in the lockfile', () => {
  const text = readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, LockedPackage> };
  expect(missingOptional(packages)).toEqual([]);
});
