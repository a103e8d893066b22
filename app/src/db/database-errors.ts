/**
 * What a failed query means for the caller, the same for the three engines.
 *
 * - `unavailable`: the server is gone, starting, stopping, full or does not answer; nothing is known about the write; try again later
 * - `readOnly`: the server takes no writes now (a demoted primary, a full disk)
 * - `unique`: a row with this key is there already
 * - `foreignKey`: it refers to a row that is not there (or not this owner's)
 * - `conflict`: a deadlock, a serialization failure or a lock that was not had in time; the transaction may be run again
 * - `invalid`: a value that the column does not take (too long, wrong type, NUL)
 */
export type DatabaseErrorKind = 'unavailable' | 'readOnly' | 'unique' | 'foreignKey' | 'conflict' | 'invalid'

interface DriverError {
  readonly code?: unknown
  readonly errno?: unknown
  readonly errcode?: unknown
  readonly fatal?: unknown
  readonly message?: unknown
}

/** Of Node's sockets and resolver, and of the two drivers when a connection ends under a query. */
const connectionCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR',
  'POOL_CLOSED',
  'AcquireTimeout',
  'DatabaseTlsRefused',
])

/** The drivers say these without a code; the one of the closed state is a rollback on a connection that is gone, which hides what ended it. */
const connectionMessages =
  /connection terminated|timeout exceeded when trying to connect|query read timeout|not queryable|client was closed|in closed state|pool is closed|pool after calling end/i

/** SQLSTATE of PostgreSQL (appendix A of its manual) by meaning; classes by their first two characters. */
const sqlStates: Readonly<Record<string, DatabaseErrorKind>> = {
  '25006': 'readOnly',
  '57P01': 'unavailable',
  '57P02': 'unavailable',
  '57P03': 'unavailable',
  '57P05': 'unavailable',
  '57014': 'unavailable',
  '25P03': 'unavailable',
  '53': 'unavailable',
  '08': 'unavailable',
  '58': 'unavailable',
  '23505': 'unique',
  '23503': 'foreignKey',
  '23': 'invalid',
  '22': 'invalid',
  '40': 'conflict',
  '55P03': 'conflict',
}

/** Error numbers of MySQL and MariaDB by meaning (their manuals' server error references). */
const mysqlNumbers: Readonly<Record<number, DatabaseErrorKind>> = {
  1290: 'readOnly',
  1792: 'readOnly',
  1836: 'readOnly',
  3100: 'readOnly',
  1021: 'unavailable',
  1040: 'unavailable',
  1053: 'unavailable',
  1077: 'unavailable',
  1079: 'unavailable',
  1080: 'unavailable',
  1114: 'unavailable',
  1152: 'unavailable',
  1159: 'unavailable',
  1161: 'unavailable',
  1203: 'unavailable',
  1317: 'unavailable',
  1927: 'unavailable',
  1969: 'unavailable',
  3024: 'unavailable',
  3169: 'unavailable',
  4031: 'unavailable',
  1062: 'unique',
  1452: 'foreignKey',
  1216: 'foreignKey',
  1205: 'conflict',
  1213: 'conflict',
  1048: 'invalid',
  1264: 'invalid',
  1366: 'invalid',
  1406: 'invalid',
  3819: 'invalid',
  4025: 'invalid',
}

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
const sqliteCodes: Readonly<Record<number, DatabaseErrorKind>> = {
  5: 'conflict',
  6: 'conflict',
  8: 'readOnly',
  10: 'unavailable',
  13: 'unavailable',
  14: 'unavailable',
  18: 'invalid',
  19: 'invalid',
  20: 'invalid',
}
/** Extended result codes of SQLite that say more than their primary one. */
const sqliteExtended: Readonly<Record<number, DatabaseErrorKind>> = { 787: 'foreignKey', 1555: 'unique', 2067: 'unique', 2579: 'unique' }

/** Tells what a driver's error means; undefined if it is none of them (a mistake in the code, most likely). */
export function databaseErrorKind(error: unknown): DatabaseErrorKind | undefined {
  if (!(error instanceof Error)) {
    return undefined
  }
  const { code, errno, errcode, fatal, message }: DriverError = error
  if (typeof errcode === 'number') {
    return sqliteExtended[errcode] ?? sqliteCodes[errcode % 256]
  }
  if (typeof code === 'string') {
    if (connectionCodes.has(code)) {
      return 'unavailable'
    }
    if (/^[0-9A-Z]{5}$/.test(code)) {
      return sqlStates[code] ?? sqlStates[code.slice(0, 2)]
    }
  }
  if (typeof errno === 'number') {
    return mysqlNumbers[errno] ?? (fatal === true ? 'unavailable' : undefined)
  }
  return typeof message === 'string' && connectionMessages.test(message) ? 'unavailable' : undefined
}

/**
 * True when the connection that gave this error must not be used again: its server is going, gone, or no longer the primary.
 *
 * A statement's own timeout (57014, 1317, 1969, 3024) and a full disk leave the connection good.
 */
export function breaksConnection(error: unknown): boolean {
  const kind = databaseErrorKind(error)
  if (kind !== 'unavailable' && kind !== 'readOnly') {
    return false
  }
  const { code, errno }: DriverError = error as DriverError
  return code !== '57014' && ![1021, 1114, 1317, 1969, 3024].includes(Number(errno))
}
