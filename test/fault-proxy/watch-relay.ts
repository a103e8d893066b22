import { setTimeout as sleep } from 'node:timers/promises'
import { errorLine, type Fault, type Strike } from './faults.ts'
import type { Gate } from './gate.ts'

/** Where a relay writes to. */
export interface Sink {
  write(data: string | Uint8Array): Promise<void>
  end(): void
  cut(): void
}

/** Options of {@link WatchRelay}. */
export interface WatchRelayOptions {
  readonly sink: Sink
  readonly gate: Gate
  readonly faults: readonly Fault[]
}

/** Passes the events of one watch on, line by line, and does to them what the test wants. */
export class WatchRelay {
  readonly #options: WatchRelayOptions
  #over = false

  constructor(options: WatchRelayOptions) {
    this.#options = options
  }

  /** Passes on until the upstream ends or the watch was struck. */
  async run(upstream: AsyncIterable<Uint8Array>): Promise<void> {
    const { sink, faults } = this.#options
    let rest = Buffer.alloc(0)
    const lag = faults.find((fault) => fault.type === 'Lag')?.milliseconds ?? 0
    for await (const chunk of upstream) {
      rest = Buffer.concat([rest, chunk])
      for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
        const line = rest.subarray(0, end + 1)
        rest = rest.subarray(end + 1)
        if (lag > 0) await sleep(lag)
        if (!(await this.#relay(line))) return
      }
    }
    if (this.#over) return
    this.#over = true
    sink.end()
  }

  /** Does something to the watch while it is open. */
  async strike(strike: Strike): Promise<void> {
    const { sink } = this.#options
    if (this.#over) return
    this.#over = true
    switch (strike) {
      case 'mute':
        return
      case 'cut':
        sink.cut()
        return
      case 'halfLine':
        await sink.write('{"type":"MODIFIED","object":{"kind":"Conf')
        sink.cut()
        return
      case 'end':
        sink.end()
        return
      case 'expired':
        await sink.write(errorLine(410, 'Expired'))
        sink.end()
        return
      case 'serverError':
        await sink.write(errorLine(500, 'InternalError'))
        sink.end()
    }
  }

  async #relay(line: Uint8Array): Promise<boolean> {
    const { sink, gate, faults } = this.#options
    const times = faults.some((fault) => fault.type === 'Duplicate') ? 2 : 1
    const trickle = faults.find((fault) => fault.type === 'Trickle')
    for (let time = 0; time < times; time += 1) {
      const size = trickle?.bytes ?? line.length
      for (let start = 0; start < line.length; start += size) {
        await gate.passed()
        if (this.#over) return false
        await sink.write(line.subarray(start, start + size))
        if (trickle !== undefined) await sleep(trickle.everyMs)
      }
    }
    return true
  }
}
