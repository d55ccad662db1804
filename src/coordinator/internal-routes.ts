/** What nodes may ask of a coordinator: registration, heartbeat, leaving. Independent of the web server. */
import { type InternalRoute, jsonRoute } from '../http/internal-route.ts';
import {
  heartbeatAnswerSchema,
  heartbeatRequestSchema,
  INTERNAL_PATHS,
  leavingAnswerSchema,
  leavingRequestSchema,
  registerAnswerSchema,
  registerRequestSchema,
} from '../protocol/messages.ts';
import type { CoordinatorRuntime } from './coordinator-runtime.ts';

/** All internal routes of a coordinator. */
export function coordinatorInternalRoutes(runtime: CoordinatorRuntime): InternalRoute[] {
  const { registry } = runtime;
  return [
    jsonRoute(
      {
        method: 'POST',
        path: INTERNAL_PATHS.register,
        request: registerRequestSchema,
        answer: registerAnswerSchema,
      },
      (request) => registry.register(request),
    ),
    jsonRoute(
      {
        method: 'POST',
        path: INTERNAL_PATHS.heartbeat,
        request: heartbeatRequestSchema,
        answer: heartbeatAnswerSchema,
      },
      (request) => registry.heartbeat(request),
    ),
    jsonRoute(
      {
        method: 'POST',
        path: INTERNAL_PATHS.leaving,
        request: leavingRequestSchema,
        answer: leavingAnswerSchema,
      },
      async (request) => ({ state: await registry.leaving(request) }),
    ),
  ];
}
