import type { Dispatcher } from 'undici'
import type { Channel } from './client.ts'
import type { TlsMaterial } from './credentials.ts'
import { createDispatcher } from './dispatchers.ts'

/** Connections of one channel, made with one set of TLS material. */
export interface Lane {
  readonly dispatcher: Dispatcher
  readonly tls: TlsMaterial
}

/** Options of {@link ConnectionPool}. */
export interface ConnectionPoolOptions {
  readonly proxyUrl: string | undefined
  readonly maxInFlight: number
  readonly onRenewed: (reason: 'Credentials' | 'Stalled') => void
}

/** Keeps the dispatchers of the channels, and replaces one when its certificates changed or its connection stalled. */
export class ConnectionPool {
  readonly #options: ConnectionPoolOptions
  readonly #lanes = new Map<Channel, Lane>()
  /** Lanes that finish what runs on them. */
  readonly #retired = new Set<Lane>()

  constructor(options: ConnectionPoolOptions) {
    this.#options = options
  }

  /** Connections made with this material. */
  lane(channel: Channel, tls: TlsMaterial): Lane {
    const current = this.#lanes.get(channel)
    if (current !== undefined && current.tls === tls) return current
    if (current !== undefined) {
      this.#retire(current)
      this.#options.onRenewed('Credentials')
    }
    const lane = { tls, dispatcher: createDispatcher(channel, { tls, ...this.#options }) }
    this.#lanes.set(channel, lane)
    return lane
  }

  /**
   * The next request of this channel gets new connections. A stalled HTTP/2 connection would otherwise be used again and again: aborting a stream
   * does not close it.
   *
   * @param lane - the one that stalled; when it was replaced meanwhile, nothing happens. Undefined: whatever is current
   */
  giveUp(channel: Channel, lane: Lane | undefined): void {
    const current = this.#lanes.get(channel)
    if (current === undefined || (lane !== undefined && lane !== current)) return
    this.#lanes.delete(channel)
    this.#retire(current)
    this.#options.onRenewed('Stalled')
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    const lanes = [...this.#lanes.values(), ...this.#retired]
    this.#lanes.clear()
    await Promise.all(lanes.map(async (lane) => await lane.dispatcher.destroy()))
  }

  #retire(lane: Lane): void {
    this.#retired.add(lane)
    const forget = () => void this.#retired.delete(lane)
    lane.dispatcher.close().then(forget, forget)
  }
}
