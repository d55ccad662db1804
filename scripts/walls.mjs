/**
 * Checks the walls between rooms with dependency-cruiser. Fails on a violation, and when fewer modules were
 * seen than MODULES_MIN: a checker that finds nothing to check reports success too.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { cruise } from 'dependency-cruiser';
import extractTsConfig from 'dependency-cruiser/config-utl/extract-ts-config';

/** Raise it when the tree has grown; lower it only together with the files that went. */
const MODULES_MIN = 570;
const PLACES = ['src', 'test', 'features', 'bench', 'scripts'];

/** Violations and number of modules of the tree below `baseDirectory`, by the rules of this project. */
export async function cruiseWalls(baseDirectory) {
  const rules = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
  const places = PLACES.filter((place) => existsSync(`${baseDirectory}/${place}`));
  const result = await cruise(
    places,
    {
      ...rules.options,
      ruleSet: { forbidden: rules.forbidden },
      validate: true,
      baseDir: baseDirectory,
    },
    undefined,
    { tsConfig: extractTsConfig('tsconfig.json') },
  );
  const { violations, totalCruised } = result.output.summary;
  return { violations, totalCruised };
}

/** What is wrong with a result, one line each. */
export function wallProblems({ violations, totalCruised }, modulesMin = MODULES_MIN) {
  const lines = violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
  return totalCruised < modulesMin
    ? [...lines, `walls: ${totalCruised} modules cruised, at least ${modulesMin} expected`]
    : lines;
}

async function main() {
  const result = await cruiseWalls(process.cwd());
  const problems = wallProblems(result);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log(`walls: ${result.totalCruised} modules, no violation`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
