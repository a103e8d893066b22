import { sql } from 'kysely'
import type { Logger } from 'pino'
import { systemClock } from '../clock.ts'
import { loadConfig, type Config } from '../config.ts'
import type { AppContext } from '../context.ts'
import { createHousekeeping } from '../db/housekeeping.ts'
import { migrations } from '../db/migrations/all.ts'
import { openDatabase, type OpenDatabase } from '../db/open-database.ts'
import { serveLimits } from '../db/pool-limits.ts'
import { withAccessLog } from '../http/access-log.ts'
import { createGracefulStop } from '../http/graceful-stop.ts'
import { createOpsServer } from '../http/ops.ts'
import { patientReadiness } from '../http/patient-readiness.ts'
import { cachedReadiness, checkReadiness, timedReadiness, type Readiness } from '../http/readiness.ts'
import { createHttpServer, listen } from '../http/server.ts'
import { yieldThreadPool } from '../http/yield-thread-pool.ts'
import { createOutbox } from '../mail/database-outbox.ts'
import { createLogger, type OwnedLogger } from '../telemetry/logger.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'
import { startTracing } from '../telemetry/tracing.ts'
import { version } from '../version.ts'

/** The kubelet asks every two seconds and waits for three. Patience is longer than the server lets any statement run, so a busy server has answered. */
const readinessLimits = { freshMs: 900, timeoutMs: 2500, patienceMs: serveLimits.statementMs + 5000 }
/** Counting sessions reads an index, so it is done rarely. */
const countEveryMs = 30_000

/**
 * `serve`: the web app and the ops port, until a signal ends it.
 *
 * @returns when everything is closed
 * @throws {@link ConfigError}, or `PortInUse`
 */
export async function serveCommand(): Promise<void> {
  const config = loadConfig(process.env)
  const owned = createLogger({ level: config.logLevel, fileDescriptor: 1 })
  const { log } = owned
  surviveRejections(owned)
  const { engine } = config.database
  const tracing = config.tracing ? await startTracing({ log, engine, version, environment: process.env }) : undefined
  const metrics = createMetrics({ version, runtime: true })
  const database = await openDatabase(config.database, {
    onIdleError: (error) => {
      log.warn({ error }, 'a database connection failed while it was idle')
    },
    ...(tracing === undefined ? {} : { onQuery: (query) => tracing.query(query) }),
  })
  const mail = createOutbox({ db: database.db, clock: systemClock, log, metrics, smtpUrl: config.smtpUrl, from: config.mailFrom })
  const context: AppContext = { db: database.db, engine: database.engine, config, clock: systemClock, log, metrics, mail }
  const [{ createApp }, { exchangeClasses }, { createServices }, { idleMs }] = await Promise.all([
    import('../http/app.ts'),
    import('../http/exchange-classes.ts'),
    import('../http/services.ts'),
    import('../accounts/sessions.ts'),
  ])
  const services = createServices(context)
  const housekeeping = createHousekeeping({
    ...context,
    sessionIdleMs: idleMs,
    purgeDeletions: () => services.deletions.purge(),
  })
  const app = createApp(context, { services })
  const handler = withAccessLog(app, { log, metrics, isDraining: () => stopping.isDraining() })
  const server = createHttpServer(tracing?.wrap(handler) ?? handler, exchangeClasses(app))
  const stopping = createGracefulStop({ server, log, drainMs: config.drainMs, timeoutMs: config.stopTimeoutMs })
  const readiness = watchReadiness({ config, database, metrics, log, isDraining: stopping.isDraining })
  const onScrape = scraper(database, metrics)
  const ops = createOpsServer({ readiness, registry: metrics.registry, onScrape })
  await yieldThreadPool()
  const port = await listen(server, config.port)
  const opsPort = await listen(ops, config.opsPort)
  // Mail and housekeeping write.
  if (!config.readOnly) {
    mail.start()
    housekeeping.start()
  }
  log.info({ port, opsPort, version, engine: database.engine, readOnly: config.readOnly }, 'serving')
  await untilSignal(owned)
  await stopping.stop()
  await Promise.all([mail.stop(), housekeeping.stop()])
  await database.close()
  await tracing?.stop()
  ops.close()
  ops.closeAllConnections()
  owned.flush()
}

interface Watched {
  readonly config: Config
  readonly database: OpenDatabase
  readonly metrics: Metrics
  readonly log: Logger
  readonly isDraining: () => boolean
}

/** Readiness with patience. Its metric, and one line in the log at each change, say what was seen, without any. */
function watchReadiness({ config, database, metrics, log, isDraining }: Watched): () => Promise<Readiness> {
  let before: string | undefined
  let schemaReadAt = Number.NEGATIVE_INFINITY
  const onAnswer = () => {
    schemaReadAt = performance.now()
  }
  const check = async () => {
    const looking = checkReadiness({ database, migrations, mustBeWritable: !config.readOnly, onAnswer })
    const state = await timedReadiness(looking, readinessLimits.timeoutMs)
    metrics.databaseUp.set(state.ready ? 1 : 0)
    const now = state.ready ? 'Ready' : state.reason
    if (now !== before) {
      before = now
      log[state.ready ? 'info' : 'warn']({ readiness: now, ...(state.ready ? {} : { detail: state.message }) }, 'readiness changed')
    }
    return state
  }
  const patient = patientReadiness({
    check,
    answeredAt: () => Math.max(schemaReadAt, database.poolState()?.answeredAt ?? schemaReadAt),
    patienceMs: readinessLimits.patienceMs,
    now: () => performance.now(),
  })
  const cached = cachedReadiness(patient, readinessLimits.freshMs)
  return () => (isDraining() ? Promise.resolve({ ready: false, reason: 'Draining', message: 'this process is about to end' }) : cached())
}

function scraper({ db, poolState }: OpenDatabase, metrics: Metrics): () => Promise<void> {
  let evicted = 0
  let counted = Number.NEGATIVE_INFINITY
  return async () => {
    const pool = poolState()
    if (pool !== undefined) {
      metrics.poolConnections.set({ state: 'used' }, pool.used)
      metrics.poolConnections.set({ state: 'idle' }, pool.idle)
      metrics.poolConnections.set({ state: 'waiting' }, pool.waiting)
      metrics.poolEvictions.inc(pool.evicted - evicted)
      ;({ evicted } = pool)
    }
    if (performance.now() - counted > countEveryMs) {
      counted = performance.now()
      try {
        const { count } = await db
          .selectFrom('sessions')
          .select(sql<number>`count(*)`.as('count'))
          .where('expires_at', '>', systemClock.now())
          .executeTakeFirstOrThrow()
        metrics.sessions.set(count)
      } catch {
        // The database is down: the other figures are wanted now more than ever.
      }
    }
  }
}

/**
 * A promise that nobody waited for costs one line in the log, not every request that runs. After an exception that nobody caught the state of
 * the process is unknown, so it ends, and Kubernetes starts it again.
 */
function surviveRejections({ log, flush }: OwnedLogger): void {
  process.on('unhandledRejection', (error) => {
    log.error({ error }, 'a promise was rejected and nobody waited for it')
  })
  process.on('uncaughtException', (error) => {
    log.fatal({ error }, 'an exception was not caught, ending')
    flush()
    process.exit(1)
  })
}

/** Resolves at the first SIGTERM or SIGINT; the second ends the process at once. */
function untilSignal({ log, flush }: OwnedLogger): Promise<void> {
  return new Promise((resolve) => {
    let first = true
    for (const [signal, number] of [
      ['SIGTERM', 15],
      ['SIGINT', 2],
    ] as const) {
      process.on(signal, () => {
        if (first) {
          first = false
          log.info({ signal }, 'asked to stop')
          resolve()
          return
        }
        log.warn({ signal }, 'asked again, ending at once')
        flush()
        process.exit(128 + number)
      })
    }
  })
}
