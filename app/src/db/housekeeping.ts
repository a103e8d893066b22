import type { Kysely } from 'kysely'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Database } from './schema.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** What {@link createHousekeeping} needs. */
export interface HousekeepingOptions {
  readonly db: Kysely<Database>
  readonly clock: Clock
  readonly log: Logger
  /** Milliseconds after which a session that was not used is over. */
  readonly sessionIdleMs: number
  /** Removes for good what was deleted too long ago to be undone; returns how many rows went. */
  readonly purgeDeletions: () => Promise<number>
}

/** Removes what nobody can use any more, once an hour. */
export interface Housekeeping {
  /** Begins; the first round is after a random part of an hour, so that replicas do not do it all at once. */
  start(): void
  /** Stops, after the round that runs. */
  stop(): Promise<void>
  /** One round. @returns how many rows went */
  sweep(): Promise<number>
}

/** Every deletion is by age alone, so several processes may do it at once and one may be cut off anywhere. */
export function createHousekeeping({ db, clock, log, sessionIdleMs, purgeDeletions }: HousekeepingOptions): Housekeeping {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined

  const sweep = async (): Promise<number> => {
    const now = clock.now()
    const gone = await Promise.all([
      db.deleteFrom('sessions').where('expires_at', '<=', now).executeTakeFirst(),
      db
        .deleteFrom('sessions')
        .where('last_seen_at', '<=', now - sessionIdleMs)
        .executeTakeFirst(),
      db
        .deleteFrom('password_resets')
        .where('expires_at', '<=', now - dayMs)
        .executeTakeFirst(),
      db
        .deleteFrom('throttle_windows')
        .where('window_start', '<=', now - dayMs)
        .executeTakeFirst(),
    ])
    return gone.reduce((sum, { numDeletedRows }) => sum + Number(numDeletedRows), await purgeDeletions())
  }

  const round = async (): Promise<void> => {
    try {
      log.debug({ removed: await sweep() }, 'removed what is over')
    } catch (error) {
      log.warn({ error }, 'what is over could not be removed, it is tried again in an hour')
    }
  }

  const schedule = (inMs: number): void => {
    timer = setTimeout(() => {
      running = round().finally(() => {
        running = undefined
        if (timer !== undefined) {
          schedule(hourMs)
        }
      })
    }, inMs)
    timer.unref()
  }

  return {
    start: () => {
      schedule(Math.random() * hourMs)
    },
    stop: async () => {
      clearTimeout(timer)
      timer = undefined
      await running
    },
    sweep,
  }
}
