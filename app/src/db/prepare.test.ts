import {
  CompiledQuery,
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely'
import { describe, expect, it } from 'vitest'
import { runBoth } from './prepare.ts'
import type { Database } from './schema.ts'

/** A connection whose answers are given by the test, and what became of it. */
class ScriptedDriver extends DummyDriver {
  readonly sent: string[] = []
  readonly answers = new Map<string, PromiseWithResolvers<QueryResult<unknown>>>()
  released = false

  override async acquireConnection(): Promise<DatabaseConnection> {
    const executeQuery = async <R>({ sql }: CompiledQuery): Promise<QueryResult<R>> => {
      this.sent.push(sql)
      const answer = Promise.withResolvers<QueryResult<unknown>>()
      this.answers.set(sql, answer)
      return (await answer.promise) as QueryResult<R>
    }
    return Promise.resolve({ executeQuery, streamQuery: () => expect.unreachable() })
  }

  override async releaseConnection(): Promise<void> {
    this.released = true
    return Promise.resolve()
  }
}

function scripted(): { readonly driver: ScriptedDriver; readonly db: Kysely<Database> } {
  const driver = new ScriptedDriver()
  const db = new Kysely<Database>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driver,
      createIntrospector: (of) => new PostgresIntrospector(of),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  })
  return { driver, db }
}

const turn = async (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('two queries on one connection', () => {
  const [pads, notes] = [CompiledQuery.raw('pads'), CompiledQuery.raw('notes')]

  it('are sent together, and each gives its own rows', async () => {
    const { driver, db } = scripted()

    const both = runBoth(db, pads, notes)
    await turn()
    expect(driver.sent).toEqual(['pads', 'notes'])
    driver.answers.get('notes')?.resolve({ rows: ['a note'] })
    driver.answers.get('pads')?.resolve({ rows: ['a pad'] })

    expect(await both).toEqual([['a pad'], ['a note']])
    expect(driver.released).toBe(true)
  })

  it('keep their connection until both have ended, when one fails', async () => {
    const { driver, db } = scripted()
    const both = runBoth(db, pads, notes)
    await turn()

    driver.answers.get('pads')?.reject(new Error('no such table'))
    await turn()
    expect(driver.released).toBe(false)
    driver.answers.get('notes')?.resolve({ rows: [] })

    await expect(both).rejects.toThrow('no such table')
    expect(driver.released).toBe(true)
  })
})
