import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import {
  CompiledQuery,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  type TransactionSettings,
} from 'kysely'
import { databaseErrorKind } from './database-errors.ts'

/** Statements kept prepared by each of the two connections. */
const maxStatements = 200
/** SQLite waits by blocking the process, so it waits shortly; the longer wait is ours and lets other requests run. */
const blockingWaitMs = 20
const retryEveryMs = 15
const giveUpAfterMs = 5000

type Row = Record<string, SQLOutputValue>

interface Prepared {
  readonly statement: StatementSync
  /** Names of the columns; none when the statement returns no rows. */
  readonly columns: readonly string[]
  /** A row with nothing in it. */
  readonly blank: Row
}

/** A file opened once, with its prepared statements, least recently prepared first. */
class Handle {
  readonly database: DatabaseSync
  readonly #statements = new Map<string, Prepared>()

  constructor(database: DatabaseSync) {
    this.database = database
  }

  run(sql: string, parameters: readonly unknown[]): QueryResult<unknown> {
    const prepared = this.#prepare(sql)
    const { statement, columns } = prepared
    // What Kysely hands over is what callers typed; node:sqlite refuses anything else by itself.
    const values = parameters as SQLInputValue[]
    if (columns.length > 0) {
      // In array mode they are arrays, which its type does not say.
      const rows = statement.all(...values) as unknown as readonly (readonly SQLOutputValue[])[]
      return { rows: rows.map((row) => named(prepared, row)) }
    }
    const { changes, lastInsertRowid } = statement.run(...values)
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
  }

  #prepare(sql: string): Prepared {
    const known = this.#statements.get(sql)
    if (known !== undefined) {
      return known
    }
    const statement = this.database.prepare(sql)
    statement.setReturnArrays(true)
    const columns = statement.columns().map(({ name }) => name)
    // Whatever was inserted last is read after each statement, also rows of the full-text index, whose ids no number can hold.
    if (columns.length === 0) statement.setReadBigInts(true)
    const prepared = { statement, columns, blank: Object.fromEntries(columns.map((name) => [name, null])) }
    if (this.#statements.size >= maxStatements) {
      const [oldest = ''] = this.#statements.keys()
      this.#statements.delete(oldest)
    }
    this.#statements.set(sql, prepared)
    return prepared
  }
}

/** A row by the names of its columns. The driver's own objects have no shape that V8 knows, so making and reading twenty takes twice as long (measured). */
function named({ columns, blank }: Prepared, values: readonly SQLOutputValue[]): Row {
  const row = { ...blank }
  for (let index = 0; index < columns.length; index += 1) {
    row[columns[index] ?? ''] = values[index] ?? null
  }
  return row
}

/** Lets one after the other in, in the order in which they came. */
class Turnstile {
  #taken = false
  readonly #waiting: (() => void)[] = []

  async take(): Promise<void> {
    if (this.#taken) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
    this.#taken = true
  }

  give(): void {
    const next = this.#waiting.shift()
    if (next === undefined) {
      this.#taken = false
    } else {
      next()
    }
  }
}

const isRead = /^\s*select\b/i

/** Runs again what another process's write held up; nothing has happened when SQLite answers "busy" to a first statement. */
async function patiently<T>(run: () => T): Promise<T> {
  const end = performance.now() + giveUpAfterMs
  for (;;) {
    try {
      return run()
    } catch (error) {
      if (databaseErrorKind(error) !== 'conflict' || performance.now() > end) {
        throw error
      }
    }
    await delay(retryEveryMs)
  }
}

interface Handles {
  readonly writer: Handle
  /** A second, read-only connection: what it sees is the last commit, also while a transaction of the writer is open. */
  readonly reader: Handle
  readonly turnstile: Turnstile
}

class SqliteConnection implements DatabaseConnection {
  readonly #handles: Handles
  #inTransaction = false

  get inTransaction(): boolean {
    return this.#inTransaction
  }

  constructor(handles: Handles) {
    this.#handles = handles
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    return (await this.#run(sql, parameters)) as QueryResult<R>
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('SQLite results are not streamed: page by key instead')
  }

  async begin({ accessMode }: TransactionSettings): Promise<void> {
    const { writer, turnstile } = this.#handles
    await turnstile.take()
    try {
      // Immediate: the write lock is had now, where waiting for it is safe, and not in the middle.
      await patiently(() => writer.run(accessMode === 'read only' ? 'begin' : 'begin immediate', []))
      this.#inTransaction = true
    } catch (error) {
      turnstile.give()
      throw error
    }
  }

  end(command: 'commit' | 'rollback'): void {
    const { writer, turnstile } = this.#handles
    // After some errors (disk full) SQLite has rolled back by itself.
    if (writer.database.isTransaction) {
      writer.run(command, [])
    } else if (command === 'commit') {
      throw new Error('SQLite ended the transaction before it was committed')
    }
    this.#inTransaction = false
    turnstile.give()
  }

  #run(sql: string, parameters: readonly unknown[]): QueryResult<unknown> | Promise<QueryResult<unknown>> {
    const { writer, reader } = this.#handles
    if (this.#inTransaction) {
      return writer.run(sql, parameters)
    }
    return reader !== writer && isRead.test(sql) ? reader.run(sql, parameters) : this.#write(sql, parameters)
  }

  async #write(sql: string, parameters: readonly unknown[]): Promise<QueryResult<unknown>> {
    const { writer, turnstile } = this.#handles
    await turnstile.take()
    try {
      return await patiently(() => writer.run(sql, parameters))
    } finally {
      turnstile.give()
    }
  }
}

/** How a file is opened. */
export interface SqliteDialectOptions {
  /** A file, or `:memory:`. */
  readonly path: string
}

/** Opens one connection as the app wants it: write-ahead log, durable commits, foreign keys enforced. */
function open(path: string, readOnly: boolean): Handle {
  const database = new DatabaseSync(path, { timeout: blockingWaitMs, enableForeignKeyConstraints: true, readOnly })
  if (!readOnly) {
    database.exec('pragma journal_mode = wal')
  }
  // FULL: a note that was acknowledged is on the disk, also after a power cut (sqlite.org/pragma.html#pragma_synchronous).
  database.exec('pragma synchronous = full; pragma temp_store = memory; pragma cache_size = -16000')
  return new Handle(database)
}

class SqliteDriver implements Driver {
  readonly #path: string
  #handles: Handles | undefined
  /** Connections that nobody uses: they hold nothing, but Kysely remembers each one that it has seen. */
  readonly #free: SqliteConnection[] = []

  constructor({ path }: SqliteDialectOptions) {
    this.#path = path
  }

  async init(): Promise<void> {
    const writer = await patiently(() => open(this.#path, false))
    const reader = this.#path === ':memory:' ? writer : await patiently(() => open(this.#path, true))
    this.#handles = { writer, reader, turnstile: new Turnstile() }
  }

  acquireConnection(): Promise<DatabaseConnection> {
    if (this.#handles === undefined) {
      return Promise.reject(new Error('the SQLite file is not open'))
    }
    return Promise.resolve(this.#free.pop() ?? new SqliteConnection(this.#handles))
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    await (connection as SqliteConnection).begin(settings)
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return Promise.resolve((connection as SqliteConnection).end('commit'))
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return Promise.resolve((connection as SqliteConnection).end('rollback'))
  }

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`savepoint ${quoted(name)}`))
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`rollback to ${quoted(name)}`))
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`release ${quoted(name)}`))
  }

  releaseConnection(connection: DatabaseConnection): Promise<void> {
    const used = connection as SqliteConnection
    if (!used.inTransaction) {
      this.#free.push(used)
    }
    return Promise.resolve()
  }

  async destroy(): Promise<void> {
    const handles = this.#handles
    if (handles === undefined) {
      return
    }
    this.#handles = undefined
    this.#free.length = 0
    await handles.turnstile.take()
    if (handles.reader !== handles.writer) {
      handles.reader.database.close()
    }
    handles.writer.database.close()
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

class ConcurrentSqliteAdapter extends SqliteAdapter {
  /** Kysely must not queue reads behind a transaction: the driver's own turnstile orders the writes. */
  override get supportsMultipleConnections(): boolean {
    return true
  }

  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

/**
 * Kysely on `node:sqlite`: one connection that writes, one that reads beside it, statements kept prepared.
 *
 * A write that another process holds up (a migration, a backup) is tried again for five seconds without blocking other requests.
 */
export function sqliteDialect(options: SqliteDialectOptions): Dialect {
  return {
    createAdapter: () => new ConcurrentSqliteAdapter(),
    createDriver: () => new SqliteDriver(options),
    createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}
