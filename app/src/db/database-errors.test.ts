import { describe, expect, test } from 'vitest'
import { breaksConnection, databaseErrorKind } from './database-errors.ts'

function error(fields: Readonly<Record<string, unknown>>, message = 'failed'): Error {
  return Object.assign(new Error(message), fields)
}

describe('errors of the drivers', () => {
  test.each([
    ['a refused connection', error({ code: 'ECONNREFUSED' }), 'unavailable', true],
    ['a demoted PostgreSQL', error({ code: '25006' }), 'readOnly', true],
    ['a PostgreSQL that stops', error({ code: '57P01' }), 'unavailable', true],
    ['a PostgreSQL that starts', error({ code: '57P03' }), 'unavailable', true],
    ['too many sessions', error({ code: '53300' }), 'unavailable', true],
    ['a statement that took too long on PostgreSQL', error({ code: '57014' }), 'unavailable', false],
    ['an answer that did not come', error({}, 'Query read timeout'), 'unavailable', true],
    ['a read-only MySQL', error({ errno: 1290, code: 'ER_OPTION_PREVENTS_STATEMENT' }), 'readOnly', true],
    ['a MySQL in read-only mode', error({ errno: 1836, code: 'ER_READ_ONLY_MODE' }), 'readOnly', true],
    ['a MySQL that stops', error({ errno: 1053, code: 'ER_SERVER_SHUTDOWN' }), 'unavailable', true],
    ['a killed session of MariaDB', error({ errno: 1927, code: 'ER_CONNECTION_KILLED' }), 'unavailable', true],
    [
      'a rollback on a connection that is gone',
      error({ fatal: true }, "Can't add new command when connection is in closed state"),
      'unavailable',
      true,
    ],
    ['a statement that took too long on MariaDB', error({ errno: 1969, code: 'ER_STATEMENT_TIMEOUT' }), 'unavailable', false],
    ['a deadlock', error({ code: '40P01' }), 'conflict', false],
    ['a lock not had in time', error({ errno: 1205, code: 'ER_LOCK_WAIT_TIMEOUT' }), 'conflict', false],
    ['a busy SQLite', error({ code: 'ERR_SQLITE_ERROR', errcode: 5 }), 'conflict', false],
    ['a full disk under SQLite', error({ code: 'ERR_SQLITE_ERROR', errcode: 13 }), 'unavailable', true],
    ['a second row of a key', error({ code: 'ERR_SQLITE_ERROR', errcode: 2067 }), 'unique', false],
    ['a value that is too long', error({ code: '22001' }), 'invalid', false],
    ['a mistake in the code', error({ code: '42601' }), undefined, false],
    ['anything else', new TypeError('x is not a function'), undefined, false],
    ['what is no error', 'ECONNREFUSED', undefined, false],
  ])('%s', (_what, thrown, kind, breaks) => {
    expect(databaseErrorKind(thrown)).toBe(kind)
    expect(breaksConnection(thrown)).toBe(breaks)
  })
})
