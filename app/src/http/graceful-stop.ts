import type { Server } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'

const IDLE_CHECK_MS = 50

/** Options of {@link createGracefulStop}. */
export interface GracefulStopOptions {
  readonly server: Server
  readonly log: Logger
  /** Milliseconds in which proxies learn that this process is not ready, while everything is still answered. */
  readonly drainMs: number
  /** Milliseconds for requests that still run after the drain. */
  readonly timeoutMs: number
}

/** The way from serving to having stopped. */
export interface GracefulStop {
  /** True from the first moment of the stop on: not ready, and answers ask for the end of their connection. */
  readonly isDraining: () => boolean
  /** Stops; a second call returns the same promise. Resolves when no connection is left. */
  stop(): Promise<void>
}

/**
 * Not ready → wait → accept nothing new → finish what runs → cut what takes too long.
 *
 * The wait comes first because a Service and a proxy go on sending for some seconds after a pod began to end.
 */
export function createGracefulStop({ server, log, drainMs, timeoutMs }: GracefulStopOptions): GracefulStop {
  let stopping: Promise<void> | undefined
  const run = async () => {
    log.info({ drainMs }, 'draining')
    await delay(drainMs)
    const closed = new Promise<void>((resolve) => {
      server.close(() => {
        resolve()
      })
    })
    // A request that came before the drain was not told to close: its connection is idle only once it is answered.
    const idle = setInterval(() => {
      server.closeIdleConnections()
    }, IDLE_CHECK_MS)
    server.closeIdleConnections()
    const late = setTimeout(() => {
      log.warn({ timeoutMs }, 'requests take too long, they are cut')
      server.closeAllConnections()
    }, timeoutMs)
    await closed
    clearTimeout(late)
    clearInterval(idle)
    log.info('stopped')
  }
  return {
    isDraining: () => stopping !== undefined,
    stop: () => {
      stopping ??= run()
      return stopping
    },
  }
}
