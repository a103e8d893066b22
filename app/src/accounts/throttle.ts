import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { AppContext } from '../context.ts'
import { ThrottledError } from '../errors.ts'
import type { Audit } from './audit.ts'

const windowMs = 60_000

/** Counts attempts in the database, so that the limits hold over replicas and restarts. */
export interface Throttle {
  /**
   * Counts one attempt against an address and, where there is one, against an account.
   *
   * @throws {@link ThrottledError} when either had more than it may in the running minute
   */
  attempt(what: string, who: { readonly address: string; readonly account?: string | undefined }): Promise<void>
}

/** Limits come from `THROTTLE_PER_ADDRESS` and `THROTTLE_PER_ACCOUNT`; 0 is off. Neither an address nor an account is stored in clear. */
export function createThrottle(
  context: Pick<AppContext, 'db' | 'engine' | 'config' | 'clock'> & {
    /** Told once for each minute in which a limit was passed: who goes on trying cannot fill the log. */
    readonly audit: Audit
  },
): Throttle {
  const { db, engine, config, clock, audit } = context
  const count = async (bucket: string, start: number): Promise<number> => {
    const row = { bucket, window_start: start, hits: 1 }
    const more = { hits: sql<number>`throttle_windows.hits + 1` }
    if (engine === 'mysql') {
      await db.insertInto('throttle_windows').values(row).onDuplicateKeyUpdate(more).execute()
    } else {
      const { hits } = await db
        .insertInto('throttle_windows')
        .values(row)
        .onConflict((conflict) => conflict.columns(['bucket', 'window_start']).doUpdateSet(more))
        .returning('hits')
        .executeTakeFirstOrThrow()
      return hits
    }
    const found = await db
      .selectFrom('throttle_windows')
      .select('hits')
      .where('bucket', '=', bucket)
      .where('window_start', '=', start)
      .executeTakeFirst()
    return found?.hits ?? 1
  }
  return {
    async attempt(what, who) {
      const now = clock.now()
      const start = now - (now % windowMs)
      const limits = [
        { limit: config.throttlePerAddress, bucket: `address:${who.address}` },
        ...(who.account === undefined ? [] : [{ limit: config.throttlePerAccount, bucket: `account:${who.account}` }]),
      ]
      for (const { limit, bucket } of limits) {
        if (limit === 0) continue
        const hits = await count(hashed(`${what}:${bucket}`), start)
        if (hits > limit) {
          if (hits === limit + 1) audit('throttled', { address: who.address, what, limit: bucket.slice(0, bucket.indexOf(':')) })
          throw new ThrottledError(Math.max(1, Math.ceil((start + windowMs - now) / 1000)))
        }
      }
    },
  }
}

function hashed(bucket: string): string {
  return createHash('sha256').update(bucket).digest('hex').slice(0, 40)
}
