/** Types of walls.mjs for the test that shows it going red. */

/** One import that the rules forbid. */
export interface WallViolation {
  readonly rule: { readonly name: string; readonly severity: string };
  readonly from: string;
  readonly to: string;
}

/** Violations and number of modules of the tree below `baseDirectory`, by the rules of this project. */
export function cruiseWalls(
  baseDirectory: string,
): Promise<{ violations: WallViolation[]; totalCruised: number }>;

/** What is wrong with a result, one line each. */
export function wallProblems(
  result: { violations: readonly WallViolation[]; totalCruised: number },
  modulesMin?: number,
): string[];
