import { setTimeout as delay } from 'node:timers/promises'
import { sql, type Kysely } from 'kysely'
import { databaseErrorKind } from './database-errors.ts'
import type { Database } from './schema.ts'

const retryEveryMs = 500

/**
 * Waits until the database answers a query: a server that restarts, or fails over, is back within seconds, and no reason to give up a release.
 *
 * @param waitMs - milliseconds for which a server that is not to be had is asked again
 * @throws what the last attempt failed with; at once for anything but an absent server (a wrong password, say)
 */
export async function databaseAnswers(db: Kysely<Database>, waitMs: number): Promise<void> {
  const end = performance.now() + waitMs
  for (;;) {
    try {
      await sql`select 1`.execute(db)
      return
    } catch (error) {
      if (databaseErrorKind(error) !== 'unavailable' || performance.now() + retryEveryMs >= end) throw error
    }
    await delay(retryEveryMs)
  }
}
