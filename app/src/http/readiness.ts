import { sql } from 'kysely'
import { messageOf } from '../errors.ts'
import { databaseErrorKind } from '../db/database-errors.ts'
import type { Migration } from '../db/migrations/migration.ts'
import type { OpenDatabase } from '../db/open-database.ts'

/** Why a process is not ready; bounded, so that it may be counted. */
export type NotReadyReason =
  | 'Draining'
  | 'DatabaseUnavailable'
  | 'DatabaseReadOnly'
  | 'SchemaMissing'
  | 'SchemaBehind'
  | 'SchemaContractedPast'

/** Whether requests may be sent here; `warning` where that is believed rather than seen just now. */
export type Readiness =
  | { readonly ready: true; readonly warning?: string }
  | { readonly ready: false; readonly reason: NotReadyReason; readonly message: string }

/** What {@link checkReadiness} needs. */
export interface ReadinessOptions {
  readonly database: OpenDatabase
  readonly migrations: readonly Migration[]
  /** False where writes are refused anyway. */
  readonly mustBeWritable: boolean
  /** Told as soon as the database has answered, also where the whole look takes too long or fails. */
  readonly onAnswer?: () => void
}

/**
 * Ready is: the database answers and takes writes, this code's expand steps are there, and no contract step has gone past this code.
 *
 * So old pods stay ready through an expand of newer code, and new pods are not ready before theirs.
 */
export async function checkReadiness(options: ReadinessOptions): Promise<Readiness> {
  try {
    return (await schemaProblem(options)) ?? (options.mustBeWritable ? await writeProblem(options) : undefined) ?? { ready: true }
  } catch (error) {
    const kind = databaseErrorKind(error)
    if (kind === 'readOnly') {
      return { ready: false, reason: 'DatabaseReadOnly', message: 'the database takes no writes' }
    }
    if (kind === undefined && isMissingTable(error)) {
      return { ready: false, reason: 'SchemaMissing', message: 'the database holds no Notejam yet: run migrate' }
    }
    return { ready: false, reason: 'DatabaseUnavailable', message: `the database does not answer: ${messageOf(error)}` }
  }
}

async function schemaProblem({ database: { db }, migrations, onAnswer }: ReadinessOptions): Promise<Readiness | undefined> {
  const applied = await db.selectFrom('notejam_migrations').select('number').where('applied_at', '>', 0).execute()
  onAnswer?.()
  const { oldest_code_served: oldest } = await db.selectFrom('notejam_schema').select('oldest_code_served').executeTakeFirstOrThrow()
  if (oldest > migrations.length) {
    const message = `the schema serves code from level ${oldest} on, this is level ${migrations.length}`
    return { ready: false, reason: 'SchemaContractedPast', message }
  }
  const present = new Set(applied.map(({ number }) => number))
  const missing = migrations.find(({ number, phase }) => phase === 'expand' && !present.has(number))
  return missing === undefined
    ? undefined
    : { ready: false, reason: 'SchemaBehind', message: `migration ${missing.number} (${missing.name}) has not run: run migrate` }
}

async function writeProblem({ database: { db, engine } }: ReadinessOptions): Promise<Readiness | undefined> {
  if (engine === 'sqlite') {
    await db.transaction().execute(() => Promise.resolve())
    return undefined
  }
  const { rows } =
    engine === 'postgres'
      ? await sql<{
          read_only: boolean
        }>`select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as read_only`.execute(db)
      : await sql<{ read_only: number }>`select @@global.read_only as read_only`.execute(db)
  const [answer] = rows
  return answer !== undefined && Boolean(answer.read_only)
    ? { ready: false, reason: 'DatabaseReadOnly', message: 'the database takes no writes' }
    : undefined
}

function isMissingTable(error: unknown): boolean {
  return error instanceof Error && /no such table|does not exist|doesn't exist/i.test(error.message)
}

/** Keeps an answer for `freshMs`, and asks once for all who wait. */
export function cachedReadiness(check: () => Promise<Readiness>, freshMs: number) {
  let last: { readonly at: number; readonly answer: Promise<Readiness> } | undefined
  return (): Promise<Readiness> => {
    const now = performance.now()
    if (last === undefined || now - last.at > freshMs) {
      last = { at: now, answer: check() }
    }
    return last.answer
  }
}

/** Gives up on a look that takes too long. */
export async function timedReadiness(answer: Promise<Readiness>, timeoutMs: number): Promise<Readiness> {
  const { promise: late, resolve } = Promise.withResolvers<Readiness>()
  const timer = setTimeout(() => {
    resolve({ ready: false, reason: 'DatabaseUnavailable', message: `the database did not answer in ${timeoutMs} ms` })
  }, timeoutMs)
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
