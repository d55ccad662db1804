/** What the test helper takes from the environment of the process that uses it. */

/** Variables that a spawned process needs to run at all, or to be measured; everything else it gets from us. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'TMPDIR',
  'TEMP',
  'LANG',
  'LC_ALL',
  'TZ',
  'LD_LIBRARY_PATH',
  'NODE_V8_COVERAGE',
];

/**
 * For whoever starts a node on glibc, which reads it before any code of ours runs: with an arena for every thread that
 * ever ran a statement, a node keeps half as much memory again (docs/operating/sizing.md).
 */
export const FEW_ARENAS = { MALLOC_ARENA_MAX: '2' } as const;

/** Environment for spawned processes: no setting of an outer cluster and no loader of the test runner gets through. */
export function inheritedEnvironment(): Record<string, string> {
  const entries = PASSED_ON.flatMap((name): [string, string][] => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...FEW_ARENAS, ...Object.fromEntries(entries) };
}

/** Address of a running cluster that the suite should use instead of starting one; undefined when there is none. */
export function givenUrl(): string | undefined {
  return process.env.TORUA_URL || undefined;
}
