import { pino, type DestinationStream, type Level } from 'pino'
import type { Logger } from '../runtime/log.ts'

/** How the operator logs. */
export interface LoggerOptions {
  /** Default `info`. */
  readonly level?: Level
  /** Default: standard output. */
  readonly destination?: DestinationStream
}

/** Where a value of this name may be a secret; it is replaced, however deep a caller passed it in. */
const redacted = [
  'password',
  'token',
  'authorization',
  'data',
  'stringData',
  '*.password',
  '*.token',
  '*.authorization',
  '*.data',
  '*.stringData',
]

/**
 * JSON lines: `level` and `time` as words, `msg` one of a closed set of sentences, fields for the rest. Objects of the cluster are never logged whole:
 * pass their key.
 */
export function createLogger({ level = 'info', destination }: LoggerOptions = {}): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redacted, censor: '(redacted)' },
      serializers: { err: describeError },
    },
    destination ?? pino.destination({ fd: 1, sync: false, minLength: 0 }),
  )
}

/** An error as fields: what programs decide on first, the stack only where we do not know the error. */
export function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return {
    type: error.name,
    ...(code === undefined ? { stack: error.stack } : { code }),
    message: error.message,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  }
}
