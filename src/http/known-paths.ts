/** Which methods a path knows: asked only for requests that met no route, to tell 405 from 404. */
import { ToruaError } from '../kernel/errors.ts';

/** Remembers every route. */
export interface KnownPaths {
  add(methods: string | readonly string[], pattern: string): void;
  /** Methods of all routes that match the path, sorted; empty when none does. */
  methodsOf(path: string): string[];
}

/** Patterns are Fastify's: `:name` is one segment, `*` the rest. */
export function createKnownPaths(): KnownPaths {
  const methods = new Map<string, Set<string>>();
  const matchers = new Map<string, RegExp>();
  return {
    add: (added, pattern) => {
      const known = methods.get(pattern) ?? new Set();
      for (const method of typeof added === 'string' ? [added] : added) known.add(method);
      methods.set(pattern, known);
      matchers.set(pattern, matcherOf(pattern));
    },
    methodsOf: (path) => {
      const found = new Set<string>();
      for (const [pattern, matcher] of matchers) {
        if (!matcher.test(path)) continue;
        for (const method of methods.get(pattern) ?? []) found.add(method);
      }
      return [...found].sort();
    },
  };
}

/** 405 with the methods that are allowed, or 404 when the path is unknown. */
export function noRoute(known: KnownPaths, method: string, path: string): ToruaError {
  const allow = known.methodsOf(path);
  if (allow.length === 0)
    return new ToruaError(
      'not_found',
      `There is nothing at ${path}; GET /openapi.json lists the paths.`,
    );
  return new ToruaError(
    'method_not_allowed',
    `${path} knows ${allow.join(', ')}, not ${method.slice(0, 40)}.`,
    { fields: { allow } },
  );
}

function matcherOf(pattern: string): RegExp {
  const parts = pattern.split(/(\*|:[A-Za-z_]+)/).map((part) => {
    if (part === '*') return '.*';
    return part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`, 's');
}
