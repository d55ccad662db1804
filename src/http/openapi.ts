/** The API document, OpenAPI 3.1 from the zod schemas, at `/openapi.json`, and a page to browse it at `/docs`. */
import swagger, { type SwaggerTransform } from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { createJsonSchemaTransform } from 'fastify-type-provider-zod';
import type { AppContext } from './app-options.ts';

/** Registers document and page. Contract: before any route. Only routes declared by `userRoute` are documented. */
export async function registerOpenApi(app: FastifyInstance, context: AppContext): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: `Torua ${context.name}`,
        version: context.version,
        description: 'Errors are application/problem+json; GET /errors lists their codes.',
      },
    },
    transform: documentedOnly,
  });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  let document: string | undefined;
  app.route({
    method: 'GET',
    url: '/openapi.json',
    config: { access: 'open', operation: 'openapi' },
    handler: (_request, reply) => {
      document ??= JSON.stringify(app.swagger());
      return reply.header('content-type', 'application/json; charset=utf-8').send(document);
    },
  });
}

const fromZod = createJsonSchemaTransform({ skipList: [] });

const documentedOnly: SwaggerTransform = (route) => {
  const documented =
    (route.schema as { operationId?: string } | undefined)?.operationId !== undefined;
  return documented
    ? fromZod(route as Parameters<typeof fromZod>[0])
    : { schema: { hide: true }, url: route.url };
};
