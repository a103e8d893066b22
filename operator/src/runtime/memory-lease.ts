import type { LeaseLock, LeaseRecord } from './lease-lock.ts'

/** For tests: a stored lease with the API server's rules, and switches for what can go wrong on the way. */
export class MemoryLease {
  stored: LeaseRecord | undefined
  #version = 0

  /** A process's way to it. */
  connect(): LeaseConnection {
    return new LeaseConnection(this)
  }

  write(record: LeaseRecord): LeaseRecord {
    this.stored = { ...record, version: String(++this.#version) }
    return this.stored
  }
}

/** One process's connection: may be cut, or lose answers after the server did what was asked. */
export class LeaseConnection implements LeaseLock {
  readonly name = 'system/operator'
  mode: 'up' | 'down' | 'answers lost' = 'up'
  readonly #lease: MemoryLease

  constructor(lease: MemoryLease) {
    this.#lease = lease
  }

  async get(signal: AbortSignal): Promise<LeaseRecord | undefined> {
    return this.#call(signal, () => this.#lease.stored)
  }

  async create(record: LeaseRecord, signal: AbortSignal): Promise<LeaseRecord> {
    return this.#call(signal, () => {
      if (this.#lease.stored !== undefined) throw new Error('AlreadyExists')
      return this.#lease.write(record)
    })
  }

  async update(record: LeaseRecord, signal: AbortSignal): Promise<LeaseRecord> {
    return this.#call(signal, () => {
      if (this.#lease.stored?.version !== record.version) throw new Error('Conflict')
      return this.#lease.write(record)
    })
  }

  async #call<T>(signal: AbortSignal, act: () => T): Promise<T> {
    signal.throwIfAborted()
    if (this.mode === 'down') throw new Error('no route')
    const answer = act()
    await Promise.resolve()
    if (this.mode === 'answers lost') throw new Error('connection reset')
    return answer
  }
}
