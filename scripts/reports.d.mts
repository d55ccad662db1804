/** Types of reports.mjs for its test. */
export interface Counts {
  passed: number;
  failed: number;
}
export function countReports(directory: string): Counts;
export function countJunit(text: string): Counts;
export function countCucumber(features: readonly object[]): Counts;
export function junitOf(checks: readonly { name: string; ok: boolean; seconds: number }[]): string;
