import { z } from 'zod'
import type { Operation } from './operation.ts'
import { statusOf, titleOf, type ProblemKind } from './problem.ts'
import { namedSchemas, problem } from './schemas.ts'

type Json = Readonly<Record<string, unknown>>

/** What the description says about this deployment. */
export interface OpenApiOptions {
  readonly version: string
  /** The address that clients use, without a slash at the end. */
  readonly publicUrl: string
}

const rateLimitHeaders = {
  RateLimit: { $ref: '#/components/headers/RateLimit' },
  'RateLimit-Policy': { $ref: '#/components/headers/RateLimit-Policy' },
}

/** Describes the operations as an OpenAPI 3.1 document, from the same schemas that check requests. */
export function describeApi(operations: readonly Operation[], options: OpenApiOptions): Json {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of operations) {
    const item = (paths[`/api/v1${operation.path}`] ??= operation.path.includes('{id}')
      ? { parameters: [{ $ref: '#/components/parameters/id' }] }
      : {})
    item[operation.method.toLowerCase()] = describeOperation(operation)
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Notejam',
      version: options.version,
      description:
        'Pads and notes of one account. Every request carries a personal token, made in the account settings; cookies are not looked at. ' +
        'A change names the version it is meant for in If-Match, so that two clients never overwrite each other silently.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: options.publicUrl }],
    security: [{ token: [] }],
    tags: [
      { name: 'account', description: 'Whose token it is.' },
      { name: 'notes', description: 'Notes, in a pad or without one.' },
      { name: 'pads', description: 'Pads, which group notes.' },
      { name: 'search', description: 'Full-text search in names and texts.' },
    ],
    paths,
    components: {
      schemas: describeSchemas(),
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'A personal token from the account settings.' } },
      parameters: {
        id: {
          name: 'id',
          in: 'path',
          required: true,
          description: 'Identifier.',
          schema: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
        },
        ifMatch: {
          name: 'If-Match',
          in: 'header',
          required: true,
          description: 'ETag of the version that the change is meant for, or *.',
          schema: { type: 'string' },
        },
        ifNoneMatch: {
          name: 'If-None-Match',
          in: 'header',
          description: 'ETags that the client has: 304 if one is the present one.',
          schema: { type: 'string' },
        },
      },
      headers: {
        ETag: { description: 'Tag of this version.', schema: { type: 'string' } },
        Link: { description: 'Pages: first, prev, next, last (RFC 8288).', schema: { type: 'string' } },
        Location: { description: 'Path of what was made.', schema: { type: 'string', format: 'uri-reference' } },
        'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 0 } },
        RateLimit: { description: 'What is left of the limit, and seconds until it is full again.', schema: { type: 'string' } },
        'RateLimit-Policy': { description: 'The limit: requests and window in seconds.', schema: { type: 'string' } },
      },
    },
  }
}

function describeOperation(operation: Operation): Json {
  const { success, conditional } = operation
  const parameters = [
    ...(conditional === 'change' ? [{ $ref: '#/components/parameters/ifMatch' }] : []),
    ...(conditional === 'read' ? [{ $ref: '#/components/parameters/ifNoneMatch' }] : []),
    ...describeQuery(operation.query),
  ]
  const kinds = new Set<ProblemKind>([
    'bad-request',
    'unauthorized',
    'forbidden',
    'too-many-requests',
    'internal-error',
    'unavailable',
    ...(operation.problems ?? []),
  ])
  if (operation.path.includes('{id}')) kinds.add('not-found')
  if (conditional === 'change') kinds.add('precondition-failed').add('precondition-required')
  if (operation.body !== undefined) kinds.add('body-too-large').add('unsupported-media-type').add('invalid-fields')
  if (operation.scope === 'write') kinds.add('read-only')
  const headers = {
    ...rateLimitHeaders,
    ...(conditional !== undefined && success.status === 200 ? { ETag: { $ref: '#/components/headers/ETag' } } : {}),
    ...(success.status === 201 ? { ETag: { $ref: '#/components/headers/ETag' }, Location: { $ref: '#/components/headers/Location' } } : {}),
    ...(success.list === true ? { Link: { $ref: '#/components/headers/Link' } } : {}),
  }
  return {
    operationId: operation.operationId,
    tags: [operation.tag],
    summary: operation.summary,
    description: `${operation.description === undefined ? '' : `${operation.description} `}Needs a token that may ${operation.scope}.`,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(operation.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: reference(operation.body) } } } }),
    responses: {
      [success.status]: {
        description: success.description,
        headers,
        ...(success.schema === undefined ? {} : { content: { 'application/json': { schema: reference(success.schema) } } }),
      },
      ...(conditional === 'read' ? { 304: { description: 'The client has the present version.', headers } } : {}),
      ...describeProblems(kinds),
    },
  }
}

function describeProblems(kinds: ReadonlySet<ProblemKind>): Json {
  const byStatus = new Map<number, string[]>()
  for (const kind of kinds) byStatus.set(statusOf(kind), [...(byStatus.get(statusOf(kind)) ?? []), `${titleOf(kind)} (${kind}).`])
  const retry = { 'Retry-After': { $ref: '#/components/headers/Retry-After' } }
  return Object.fromEntries(
    [...byStatus].map(([status, texts]) => [
      status,
      {
        description: texts.join(' '),
        ...(status === 429 || status === 503 ? { headers: retry } : {}),
        content: { 'application/problem+json': { schema: reference(problem) } },
      },
    ]),
  )
}

function describeQuery(schema: z.ZodType): readonly Json[] {
  const { properties = {}, required = [] } = toJsonSchema(schema) as {
    properties?: Record<string, { type?: string; description?: string; default?: unknown; pattern?: string }>
    required?: string[]
  }
  return Object.entries(properties).map(([name, { description, pattern, ...rest }]) => ({
    name,
    in: 'query',
    required: required.includes(name) && rest.default === undefined,
    description,
    // A number is a text on the wire and is checked as one; a client's generator should see what it means.
    schema: rest.type === 'integer' || pattern === undefined ? rest : { ...rest, pattern },
  }))
}

function reference(schema: z.ZodType): Json {
  const name = namedSchemas.get(schema)?.id
  return name === undefined ? toJsonSchema(schema) : { $ref: `#/components/schemas/${name}` }
}

function toJsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' }) as Record<string, unknown>
  return rest
}

function describeSchemas(): Json {
  const { schemas } = z.toJSONSchema(namedSchemas, { target: 'draft-2020-12', io: 'input', uri: (name) => `#/components/schemas/${name}` })
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const { $schema: _, $id: __, ...rest } = schema as Record<string, unknown>
      return [name, rest]
    }),
  )
}
