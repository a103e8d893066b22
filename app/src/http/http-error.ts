import { AppError } from '../errors.ts'

/** A request that is answered with an error page; `message` is shown on it. */
export class HttpError extends AppError {
  readonly status: number
  /** Seconds after which it is worth trying again; sent as `Retry-After`. */
  readonly retryAfterSeconds: number | undefined

  constructor(status: number, message: string, options: { readonly retryAfterSeconds?: number; readonly cause?: unknown } = {}) {
    super(message, { code: `Http${status}`, cause: options.cause })
    this.name = 'HttpError'
    this.status = status
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}
