import { pino } from 'pino'
import { systemClock } from '../../app/src/clock.ts'
import { loadConfig } from '../../app/src/config.ts'
import { openDatabase } from '../../app/src/db/open-database.ts'
import { createApp } from '../../app/src/http/app.ts'
import { createHttpServer, listen } from '../../app/src/http/server.ts'
import { createMetrics } from '../../app/src/telemetry/metrics.ts'
import { benchSecret, recordQueries, type SentQuery } from './world.ts'

/** Asks for a page of the app in this process and returns the queries that it ran, in their order. */
export async function queriesOf(databaseUrl: string, path: string, cookie: string): Promise<readonly SentQuery[]> {
  const config = loadConfig({ DATABASE_URL: databaseUrl, SECRET_KEY: benchSecret })
  const database = await openDatabase(config.database)
  const { queries, db } = recordQueries(database.db)
  const mail = { enqueue: async () => Promise.resolve(), kick: () => undefined }
  const log = pino({ level: 'silent' })
  const server = createHttpServer(
    createApp({ db, engine: database.engine, config, clock: systemClock, log, metrics: createMetrics({ version: 'bench' }), mail }),
  )
  try {
    const answer = await fetch(`http://127.0.0.1:${await listen(server, 0)}${path}`, { headers: { cookie } })
    const body = await answer.text()
    if (!answer.ok || !body.includes('<table')) throw new Error(`${path} answered ${answer.status}`)
    return [...queries]
  } finally {
    server.closeAllConnections()
    server.close()
    await database.close()
  }
}
