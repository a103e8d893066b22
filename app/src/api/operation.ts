import type { z } from 'zod'
import type { ProblemKind } from './problem.ts'
import type { ApiToken, Scope } from './tokens.ts'

/** Methods that operations use; HEAD is answered as GET without a body. */
export type ApiMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** One checked call: who, on what, with what. */
export interface ApiCall<Query, Body> {
  readonly token: ApiToken
  /** The `{id}` of the path; 0 where the path has none. */
  readonly id: number
  readonly query: Query
  readonly body: Body
  readonly ifMatch: string | undefined
  readonly ifNoneMatch: string | undefined
}

/** What an operation answers. Without a body the status is 204, or 304. */
export interface ApiAnswer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * One operation of the API, whole: the router and the description of the API are both made from it, so that neither can promise what the
 * other does not do.
 */
export interface Operation<Query extends z.ZodType = z.ZodType, Body extends z.ZodType = z.ZodType> {
  readonly operationId: string
  readonly method: ApiMethod
  /** Below `/api/v1`; a segment `{id}` is a number. */
  readonly path: string
  readonly tag: 'account' | 'notes' | 'pads' | 'search'
  readonly summary: string
  readonly description?: string
  readonly scope: Scope
  readonly query: Query
  /** Absent: a body is refused if it is not empty. */
  readonly body?: Body
  /** `tag`: the answer has an ETag. `read`: also If-None-Match is honoured. `change`: If-Match is needed. */
  readonly conditional?: 'tag' | 'read' | 'change'
  /** Answer of success. */
  readonly success: { readonly status: 200 | 201 | 204; readonly description: string; readonly schema?: z.ZodType; readonly list?: true }
  /** Problems beyond those that every operation has. */
  readonly problems?: readonly ProblemKind[]
  readonly run: (call: ApiCall<z.output<Query>, z.output<Body>>) => Promise<ApiAnswer>
}

/** Lets TypeScript infer the types of query and body, then forgets them: the router has checked them before it calls. */
export function operation<Query extends z.ZodType, Body extends z.ZodType = z.ZodUndefined>(definition: Operation<Query, Body>): Operation {
  return definition
}
