import { createServer } from 'node:http'
import { DatabaseSync } from 'node:sqlite'
import { Pool } from 'pg'

/** What the bare server does for each request: run the queries one after the other, then send `bytes` bytes. */
export interface BareOptions {
  readonly database:
    | { readonly engine: 'sqlite'; readonly path: string }
    | { readonly engine: 'postgres'; readonly url: string; readonly poolMax: number }
  readonly queries: readonly { readonly sql: string; readonly parameters: readonly (string | number | null)[] }[]
  readonly bytes: number
}

type RunAll = () => Promise<void> | void

function prepareAll({ database, queries }: BareOptions): RunAll {
  if (database.engine === 'sqlite') {
    const file = new DatabaseSync(database.path, { readOnly: true })
    const statements = queries.map(({ sql, parameters }) => ({ statement: file.prepare(sql), parameters }))
    return () => {
      for (const { statement, parameters } of statements) statement.all(...parameters)
    }
  }
  const pool = new Pool({ connectionString: database.url, max: database.poolMax })
  const named = queries.map(({ sql, parameters }, index) => ({ name: `q${index}`, text: sql, values: [...parameters] }))
  return async () => {
    for (const query of named) await pool.query(query)
  }
}

/**
 * The least a server can do for a page: the same queries on the same driver, prepared, and as many bytes, without routing, sessions, views or
 * headers of its own. What a list page reaches of its speed says what all of the rest costs.
 */
const options = JSON.parse(process.env['BARE_OPTIONS'] ?? '') as BareOptions
const runAll = prepareAll(options)
const body = Buffer.alloc(options.bytes, 'x')
const server = createServer((_request, response) => {
  const answer = (): void => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': body.length })
    response.end(body)
  }
  const running = runAll()
  if (running === undefined) answer()
  else running.then(answer, (error: unknown) => response.destroy(error as Error))
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`)
})
