/** What every error of this package has: a code that stays, whatever the message says. */
export abstract class KubeError extends Error {
  abstract readonly code: string

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** One cause in a `Status`, mostly a field that validation refused. */
export interface StatusCause {
  readonly reason?: string
  readonly message?: string
  readonly field?: string
}

/** `metav1.StatusDetails`, as far as callers decide on it. */
export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
  readonly retryAfterSeconds?: number
}

/** `metav1.Status`: what the API server says instead of an object. */
export interface Status {
  readonly kind: 'Status'
  readonly status?: string
  readonly code?: number
  readonly reason?: string
  readonly message?: string
  readonly details?: StatusDetails
}

/** What an {@link ApiError} is made of. */
export interface ApiErrorOptions extends ErrorOptions {
  /** What was asked, as in `patch deployments.apps notes/web`. */
  readonly call: string
  readonly status: number
  readonly reason: string
  readonly message: string
  readonly details?: StatusDetails | undefined
  readonly retryAfterSeconds?: number | undefined
}

/** The API server, or something before it, refused a call: an HTTP status ≥ 400, or a `Status` inside a watch. */
export class ApiError extends KubeError {
  readonly code = 'ApiError'
  readonly call: string
  /** HTTP status, also for an error inside a watch. */
  readonly status: number
  /** `metav1.StatusReason`, `Unknown` where the answer had none (an HTML page of a proxy, for one). */
  readonly reason: string
  readonly details: StatusDetails
  /** How long the server asks callers to wait. */
  readonly retryAfterSeconds: number | undefined

  constructor(options: ApiErrorOptions) {
    super(`The API server refused to ${options.call}: ${options.status} ${options.reason}: ${options.message}`, options)
    this.call = options.call
    this.status = options.status
    this.reason = options.reason
    this.details = options.details ?? {}
    this.retryAfterSeconds = options.retryAfterSeconds
  }

  /** Whether the same call can succeed later without anybody changing anything: throttled, overloaded, restarting. */
  get retryable(): boolean {
    return this.status === 429 || this.status >= 500 || this.retryAfterSeconds !== undefined
  }
}

/** How a call failed below HTTP. */
export type ConnectionFailure = 'Refused' | 'Reset' | 'TLS' | 'DNS' | 'Proxy' | 'Other'

/** No answer: the connection could not be made, or broke before the answer was complete. */
export class ConnectionError extends KubeError {
  readonly code = 'ConnectionError'
  readonly call: string
  readonly failure: ConnectionFailure
  /** Whether bytes of the request may have reached the server, so that the call may have been done. */
  readonly maybeSent: boolean
  readonly retryable = true

  constructor(options: ErrorOptions & { call: string; failure: ConnectionFailure; maybeSent: boolean; message: string }) {
    super(`No answer to ${options.call}: ${options.message}. Check that the API server runs and can be reached.`, options)
    this.call = options.call
    this.failure = options.failure
    this.maybeSent = options.maybeSent
  }
}

/** A call was not done within its deadline, retries included. The server may have done it all the same. */
export class DeadlineExceeded extends KubeError {
  readonly code = 'DeadlineExceeded'
  readonly call: string
  readonly deadlineMs: number
  readonly maybeSent = true
  readonly retryable = true

  constructor(call: string, deadlineMs: number, options?: ErrorOptions) {
    super(`No answer to ${call} within ${deadlineMs} ms; the server may have done it all the same.`, options)
    this.call = call
    this.deadlineMs = deadlineMs
  }
}

/** An answer that is no JSON of the API, although its status said success: a captive portal, a broken proxy, a cut body. */
export class MalformedAnswer extends KubeError {
  readonly code = 'MalformedAnswer'
  readonly call: string
  readonly retryable = true

  constructor(call: string, what: string, options?: ErrorOptions) {
    super(`The answer to ${call} is no Kubernetes object: ${what}. Check what stands between this process and the API server.`, options)
    this.call = call
  }
}

/** A watch brought no byte for so long that its connection counts as dead, whatever TCP thinks. */
export class WatchSilent extends KubeError {
  readonly code = 'WatchSilent'
  readonly call: string
  readonly retryable = true

  constructor(call: string, silenceMs: number) {
    super(`Not a byte came for ${silenceMs} ms to ${call}, not even a bookmark; the connection is given up.`)
    this.call = call
  }
}

/** The kubeconfig or the in-cluster credentials cannot be used. */
export class ConfigError extends KubeError {
  readonly code = 'ConfigError'
}

/** The API serves no such resource. */
export class ResourceUnknown extends KubeError {
  readonly code = 'ResourceUnknown'

  constructor(apiVersion: string, kind: string) {
    super(`The API server serves no ${kind} in ${apiVersion}. Install the CustomResourceDefinition, or a version of it that has this kind.`)
  }
}

function hasStatus(error: unknown, status: number, ...reasons: readonly string[]): error is ApiError {
  return error instanceof ApiError && (error.status === status || reasons.includes(error.reason))
}

/** 404: there is no such object, or no such resource. */
export function isNotFound(error: unknown): error is ApiError {
  return hasStatus(error, 404, 'NotFound')
}

/** 409 `AlreadyExists`: an object of this name is there. */
export function isAlreadyExists(error: unknown): error is ApiError {
  return error instanceof ApiError && error.reason === 'AlreadyExists'
}

/** 409 `Conflict`: the object changed since it was read, a field has another owner, or a precondition does not hold. */
export function isConflict(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 409 && error.reason !== 'AlreadyExists'
}

/** 410 `Expired` or `Gone`: the resource version or the continue token is too old. */
export function isExpired(error: unknown): error is ApiError {
  return hasStatus(error, 410, 'Expired', 'Gone')
}

/** The resource version is newer than what the server has; happens after a restore of etcd or between replicas of the API server. */
export function isTooLargeResourceVersion(error: unknown): error is ApiError {
  return error instanceof ApiError && error.details.causes?.some((cause) => cause.reason === 'ResourceVersionTooLarge') === true
}

/** 401: the credentials are missing, wrong or expired. */
export function isUnauthorized(error: unknown): error is ApiError {
  return hasStatus(error, 401, 'Unauthorized')
}

/** 403: the credentials are good, the rights are not; or an admission policy refused. */
export function isForbidden(error: unknown): error is ApiError {
  return hasStatus(error, 403, 'Forbidden')
}

/** 422: validation refused the object; the causes name the fields. */
export function isInvalid(error: unknown): error is ApiError {
  return hasStatus(error, 422, 'Invalid')
}

/** 429: the server, or a budget (for an eviction), asks to come back later. */
export function isTooManyRequests(error: unknown): error is ApiError {
  return hasStatus(error, 429, 'TooManyRequests')
}

/** A namespace that is being deleted takes no new objects (403 with this cause). */
export function isNamespaceTerminating(error: unknown): error is ApiError {
  return isForbidden(error) && error.details.causes?.some((cause) => cause.reason === 'NamespaceTerminating') === true
}

/** Rights, validation or a policy refused the object in a namespace that stays: sent again as it is, it is refused again. */
export function isRefused(error: unknown): error is ApiError {
  return !isNamespaceTerminating(error) && (isForbidden(error) || isInvalid(error))
}
