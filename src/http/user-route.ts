/**
 * Declaring a route for users: schemas, access, metrics label and documentation in one place, so that none can be
 * forgotten. Unknown fields are refused; `?pretty` is understood everywhere.
 */
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchema,
  FastifySchemaCompiler,
  HTTPMethods,
} from 'fastify';
import type { FastifySerializerCompiler } from 'fastify/types/schema.js';
import { serializerCompiler } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Access } from './app-options.ts';
import { wantsPretty } from './pretty.ts';
import type { BodyKind } from './route-info.ts';
import { zodValidator } from './validation.ts';

/** What a route declares. Objects in `query` and `body` are made strict; nested ones are the caller's to make strict. */
export interface UserRoute<
  Params extends z.ZodType,
  Query extends z.ZodObject,
  Body extends z.ZodType,
> {
  readonly method: HTTPMethods;
  readonly url: string;
  /** Other paths with the same meaning. */
  readonly aliases?: readonly string[] | undefined;
  readonly access: Exclude<Access, 'internal'>;
  /** Label in metrics and logs, and operationId in the API document. */
  readonly operation: string;
  /** Heading in the API document. */
  readonly tag: string;
  readonly summary: string;
  readonly params?: Params | undefined;
  readonly query?: Query | undefined;
  /** Of a `json` route. */
  readonly body?: Body | undefined;
  /** Default `json`. */
  readonly bodyKind?: BodyKind | undefined;
  readonly bodyBytesMax?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly compress?: boolean | undefined;
  readonly urgent?: boolean | undefined;
  /** False: a GET that does not answer HEAD as well, because another route does. */
  readonly head?: boolean | undefined;
  /** Answers by status: a schema, or a sentence for those without a JSON body. */
  readonly answers?: Readonly<Record<number, z.ZodType | string>> | undefined;
}

/** A request whose parts were checked. */
export type UserRequest<
  Params extends z.ZodType,
  Query extends z.ZodObject,
  Body extends z.ZodType,
> = Omit<FastifyRequest, 'params' | 'query' | 'body'> & {
  readonly params: z.output<Params>;
  readonly query: z.output<Query>;
  readonly body: z.output<Body>;
};

/** What a handler answers: a value becomes JSON with status 200 (or `reply.code`), or it sends through `reply` itself. */
export type UserHandler<
  Params extends z.ZodType,
  Query extends z.ZodObject,
  Body extends z.ZodType,
> = (request: UserRequest<Params, Query, Body>, reply: FastifyReply) => unknown;

const NO_QUERY = z.strictObject({});
const PRETTY = { pretty: z.string().optional().describe('Indents the JSON of the answer.') };

/** Declares the route and its aliases. */
export function userRoute<
  Params extends z.ZodType = z.ZodUnknown,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodUnknown,
>(
  app: FastifyInstance,
  route: UserRoute<Params, Query, Body>,
  handler: UserHandler<Params, Query, Body>,
): void {
  const config = configOf(route);
  [route.url, ...(route.aliases ?? [])].forEach((url, place) => {
    app.route({
      method: route.method,
      url,
      config,
      exposeHeadRoute: route.method === 'GET' && route.head !== false,
      schema: schemaOf(route, place),
      validatorCompiler: zodValidator as FastifySchemaCompiler<FastifySchema>,
      serializerCompiler: serializerOf(app),
      handler: (request, reply) => {
        if (wantsPretty(request.raw.url ?? ''))
          void reply.serializer(indented).header('content-type', 'application/json; charset=utf-8');
        return handler(request as unknown as UserRequest<Params, Query, Body>, reply);
      },
    });
  });
}

type AnyRoute = UserRoute<z.ZodType, z.ZodObject, z.ZodType>;

function configOf(route: Omit<AnyRoute, 'params' | 'query' | 'body'>) {
  return {
    access: route.access,
    operation: route.operation,
    ...(route.bodyKind === undefined ? {} : { body: route.bodyKind }),
    ...(route.bodyBytesMax === undefined ? {} : { bodyBytesMax: route.bodyBytesMax }),
    ...(route.timeoutMs === undefined ? {} : { timeoutMs: route.timeoutMs }),
    ...(route.compress === undefined ? {} : { compress: route.compress }),
    ...(route.urgent === undefined ? {} : { urgent: route.urgent }),
  };
}

function schemaOf(
  route: Pick<AnyRoute, 'params' | 'query' | 'body' | 'operation' | 'tag' | 'summary' | 'answers'>,
  place: number,
): FastifySchema {
  const query = (route.query ?? NO_QUERY).strict().extend(PRETTY);
  const body = route.body instanceof z.ZodObject ? route.body.strict() : route.body;
  const response = Object.fromEntries(
    Object.entries(route.answers ?? {}).map(([status, answer]) => [
      status,
      typeof answer === 'string' ? z.any().describe(answer) : answer,
    ]),
  );
  return {
    operationId: place === 0 ? route.operation : `${route.operation}_${place + 1}`,
    tags: [route.tag],
    summary: route.summary,
    querystring: query,
    ...(route.params === undefined ? {} : { params: route.params }),
    ...(body === undefined ? {} : { body }),
    ...(Object.keys(response).length === 0 ? {} : { response }),
  } as FastifySchema;
}

/** Schemas of answers are for the document; only tests pay for checking each answer against them. */
function serializerOf(app: FastifyInstance): FastifySerializerCompiler<FastifySchema> {
  const compiler: unknown =
    app.torua.checkAnswers === true ? serializerCompiler : () => JSON.stringify;
  return compiler as FastifySerializerCompiler<FastifySchema>;
}

function indented(value: unknown): string {
  return typeof value === 'string' ? value : `${JSON.stringify(value, null, 2)}\n`;
}
