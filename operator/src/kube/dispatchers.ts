import { Agent, ProxyAgent, Socks5ProxyAgent, type Dispatcher } from 'undici'
import type { Channel } from './client.ts'
import type { TlsMaterial } from './credentials.ts'

/** What connections depend on. */
export interface DispatcherOptions {
  readonly tls: TlsMaterial
  readonly proxyUrl: string | undefined
  /** At most so many connections for calls. */
  readonly maxInFlight: number
}

/** TCP keep-alive and HTTP/2 ping, as in client-go (`k8s.io/apimachinery/pkg/util/net`, read idle timeout). */
const keepAliveMs = 30_000
/** How long a connection for calls is kept without one; below the idle time of common load balancers (60 s). */
const idleMs = 30_000
/** Time to set up TCP and TLS. */
const connectMs = 10_000

/**
 * One dispatcher per channel, so that none waits for another: calls on HTTP/1.1 connections, of which an abort closes just one; watches as streams
 * of a shared HTTP/2 connection, since there may be hundreds and all are long; the lease on a connection of its own.
 */
export function createDispatcher(channel: Channel, { tls, proxyUrl, maxInFlight }: DispatcherOptions): Dispatcher {
  const secure = { ...tls, timeout: connectMs, keepAlive: true, keepAliveInitialDelay: keepAliveMs }
  const options: Agent.Options = {
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: idleMs,
    keepAliveMaxTimeout: idleMs,
    ...(channel === 'watches'
      ? { allowH2: true, h2Options: { pingInterval: keepAliveMs, maxConcurrentStreams: 250 } }
      : { allowH2: false, connections: channel === 'lease' ? 2 : maxInFlight }),
  }
  if (proxyUrl === undefined) return new Agent({ ...options, connect: secure })
  if (proxyUrl.startsWith('socks')) {
    return new Socks5ProxyAgent(proxyUrl.replace(/^socks5h?:/, 'socks5:'), { ...options, requestTls: secure } as Socks5ProxyAgent.Options)
  }
  return new ProxyAgent({
    ...options,
    uri: proxyUrl,
    requestTls: secure,
    connect: { timeout: connectMs, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
  })
}
