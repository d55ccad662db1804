/** The deadline a caller asks for: header `x-torua-deadline-ms`, 1 to 600,000, else the route's own. */
import { DEADLINE_HEADER, DEADLINE_MS_MAX } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';

/** Milliseconds for a request. Errors: `invalid_request` for a header that is no whole number in the range. */
export function requestBudgetMs(header: unknown, defaultMs: number): number {
  if (header === undefined) return defaultMs;
  const value = Number(header);
  if (typeof header === 'string' && /^\d+$/.test(header) && value >= 1 && value <= DEADLINE_MS_MAX)
    return value;
  throw new ToruaError(
    'invalid_request',
    `${DEADLINE_HEADER} must be a whole number from 1 to ${DEADLINE_MS_MAX}, not ${JSON.stringify(String(header).slice(0, 50))}.`,
  );
}
