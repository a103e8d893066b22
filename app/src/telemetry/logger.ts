import pino, { stdTimeFunctions, type DestinationStream, type Logger } from 'pino'
import type { LogLevel } from '../config.ts'

/** Bytes that wait for one write; a timer flushes what is less. Some 130 access lines: a write for every sixteen took a fifteenth of a list page. */
const bufferBytes = 32_768
const flushEveryMs = 200
const maxCauses = 3

/** What of an error is logged. Drivers hang statements with their values on errors, so nothing is taken over that is not named here. */
export function errorFields(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) {
    return { message: String(error) }
  }
  const { name, message, stack, cause } = error
  const code = 'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? { code: error.code } : {}
  const because = cause === undefined || depth >= maxCauses ? {} : { cause: errorFields(cause, depth + 1) }
  return { type: name, message, ...code, stack, ...because }
}

/** A logger and how to empty its buffer. */
export interface OwnedLogger {
  readonly log: Logger
  /** Writes what waits; call it before the process ends. */
  readonly flush: () => void
}

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  readonly level: LogLevel
  /** 1 for `serve`; 2 for job commands, whose standard output is their result. */
  readonly fileDescriptor: 1 | 2
}

function pinoOptions(level: LogLevel) {
  return {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    messageKey: 'message',
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: (error: unknown) => errorFields(error), error: (error: unknown) => errorFields(error) },
  }
}

/** A logger that writes JSON lines; what runs in requests is buffered, so that a line costs no system call. */
export function createLogger({ level, fileDescriptor }: LoggerOptions): OwnedLogger {
  const buffered = fileDescriptor === 1
  const destination = pino.destination({
    dest: fileDescriptor,
    sync: !buffered,
    minLength: buffered ? bufferBytes : 0,
    maxWrite: 2 * bufferBytes,
  })
  if (buffered) {
    setInterval(() => {
      destination.flush()
    }, flushEveryMs).unref()
  }
  return {
    log: pino(pinoOptions(level), destination),
    flush: () => {
      try {
        destination.flushSync()
      } catch {
        // The descriptor is not open yet, or already gone: nothing can be written then.
      }
    },
  }
}

/** A logger on a stream of the caller's, for tests. */
export function createStreamLogger(level: LogLevel, stream: DestinationStream): Logger {
  return pino(pinoOptions(level), stream)
}
