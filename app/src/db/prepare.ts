import type { CompiledQuery, Kysely } from 'kysely'
import type { Database } from './schema.ts'

/** Stands for an argument while a query is compiled. */
class Placeholder {
  readonly index: number

  constructor(index: number) {
    this.index = index
  }
}

/** A query that was compiled once and runs with other arguments each time. */
export interface Prepared<A extends readonly unknown[], R> {
  /** Its rows. */
  all(db: Kysely<Database>, ...args: A): Promise<R[]>
  /** Its first row. */
  first(db: Kysely<Database>, ...args: A): Promise<R | undefined>
}

/**
 * Compiles a query at the first call and keeps it. Building and compiling is most of what Kysely costs on a page of three queries (a third
 * of the time of a list page, measured); the arguments are only values, so the text never changes.
 *
 * @param build gets one stand-in per argument, to be used as a value and nowhere else
 */
export function prepare<A extends readonly unknown[], R>(
  dialect: Kysely<Database>,
  build: (db: Kysely<Database>, ...args: A) => { compile(): CompiledQuery<R> },
): Prepared<A, R> {
  const placeholders = Array.from({ length: build.length - 1 }, (_, index) => new Placeholder(index))
  let compiled: CompiledQuery<R> | undefined
  const bind = (args: A): CompiledQuery<R> => {
    // Values are opaque to the compiler, so a stand-in passes for one of any type.
    compiled ??= build(dialect, ...(placeholders as unknown as A)).compile()
    const { query, queryId, sql } = compiled
    const parameters = compiled.parameters.map((value) => (value instanceof Placeholder ? args[value.index] : value))
    return { query, queryId, sql, parameters }
  }
  return {
    all: async (db, ...args) => (await db.executeQuery(bind(args))).rows,
    first: async (db, ...args) => (await db.executeQuery(bind(args))).rows[0],
  }
}
