/** Fields of a log line: names that stay, values that vary. */
export type Fields = Readonly<Record<string, unknown>>

/**
 * What the runtime needs of a logger. Messages are constant sentences, everything that varies is a field; pino's loggers fit as they are.
 */
export interface Logger {
  debug(fields: Fields, message: string): void
  info(fields: Fields, message: string): void
  warn(fields: Fields, message: string): void
  error(fields: Fields, message: string): void
  /** A logger that adds `fields` to each of its lines. */
  child(fields: Fields): Logger
}

/** Says nothing. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}
