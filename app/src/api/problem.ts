/** Kinds of problems, by the last part of their `type`; titles do not change from one occurrence to the next (RFC 9457, 3.1.3). */
const titles = {
  'bad-request': 'The request cannot be understood',
  unauthorized: 'A valid token is needed',
  forbidden: 'The token does not allow this',
  'not-found': 'There is no such thing',
  'method-not-allowed': 'The method is not allowed here',
  'not-acceptable': 'There is no such representation',
  'precondition-failed': 'It was changed in the meantime',
  'body-too-large': 'The body is too large',
  'unsupported-media-type': 'The body must be JSON',
  'invalid-fields': 'Some fields are not right',
  'precondition-required': 'If-Match is needed',
  'too-many-requests': 'Too many requests',
  'internal-error': 'Something went wrong here',
  'read-only': 'Nothing can be changed at the moment',
  unavailable: 'The service cannot answer at the moment',
} as const

/** One of the kinds of problems. */
export type ProblemKind = keyof typeof titles

const statuses: Readonly<Record<ProblemKind, number>> = {
  'bad-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'not-acceptable': 406,
  'precondition-failed': 412,
  'body-too-large': 413,
  'unsupported-media-type': 415,
  'invalid-fields': 422,
  'precondition-required': 428,
  'too-many-requests': 429,
  'internal-error': 500,
  'read-only': 503,
  unavailable: 503,
}

/** One field that was not right. */
export interface FieldProblem {
  /** Path of the field or parameter; empty for the body as a whole. */
  readonly field: string
  readonly message: string
}

/** What a problem says beyond its kind. */
export interface ProblemOptions {
  /** For a person: what happened and what to do; never an inner message. */
  readonly detail?: string
  readonly errors?: readonly FieldProblem[]
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/** Ends an API request with a problem (RFC 9457). */
export class ApiProblem extends Error {
  readonly kind: ProblemKind
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  private readonly options: ProblemOptions

  constructor(kind: ProblemKind, options: ProblemOptions = {}) {
    super(options.detail ?? titles[kind], { cause: options.cause })
    this.name = 'ApiProblem'
    this.kind = kind
    this.status = statuses[kind]
    this.headers = options.headers ?? {}
    this.options = options
  }

  /** The document that is sent as `application/problem+json`. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { detail, errors } = this.options
    return {
      type: `urn:notejam:problem:${this.kind}`,
      title: titles[this.kind],
      status: this.status,
      ...(detail === undefined ? {} : { detail }),
      ...(errors === undefined ? {} : { errors }),
    }
  }
}

/** The numbers of all kinds, for the description of the API. */
export function statusOf(kind: ProblemKind): number {
  return statuses[kind]
}

/** The title of a kind, for the description of the API. */
export function titleOf(kind: ProblemKind): string {
  return titles[kind]
}
