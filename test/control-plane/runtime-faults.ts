import type { Client } from '../../operator/src/kube/client.ts'
import { ApiError, ConnectionError, DeadlineExceeded } from '../../operator/src/kube/errors.ts'
import { resourceName, type Resource } from '../../operator/src/kube/resource.ts'

/** What happens to one write. `before` and `after`: the connection breaks before the server got it, or after it did it. */
export type Fault = 'before' | 'after' | 'conflict' | 'timeout' | 'crash before' | 'crash after'

const mutating = ['create', 'replace', 'apply', 'applyStatus', 'patch', 'patchStatus', 'delete'] as const

/** A client whose writes go through `around`, with what is written: an object, or the key of one. */
export function intercept(
  client: Client,
  around: (call: string, send: () => Promise<unknown>, object: unknown) => Promise<unknown>,
): Client {
  return new Proxy(client, {
    get(target, property: keyof Client & (typeof mutating)[number]) {
      const method = target[property] as unknown as (...args: unknown[]) => unknown
      if (typeof method !== 'function') return method
      if (!mutating.includes(property)) return method.bind(target)
      return (...args: readonly unknown[]) =>
        around(`${property} ${resourceName(args[0] as Resource)}`, async () => method.apply(target, [...args]), args[1])
    },
  })
}

/** A client that notes its writes. */
export function countWrites(client: Client): { readonly client: Client; readonly writes: string[] } {
  const writes: string[] = []
  return {
    writes,
    client: intercept(client, (call, send) => {
      writes.push(call)
      return send()
    }),
  }
}

/** A client whose `nth` write (from 0, events not counted) meets a fault; after a crash nothing leaves any more. */
export function withFaults(
  client: Client,
  nth: number,
  fault: Fault,
): { readonly client: Client; readonly crashed: Promise<void>; readonly hit: boolean } {
  let count = -1
  let dead = false
  const crash = Promise.withResolvers<void>()
  const broken = (call: string) => new ConnectionError({ call, failure: 'Reset', maybeSent: true, message: 'cut by the test' })
  const die = (): Promise<never> => {
    dead = true
    crash.resolve()
    return Promise.reject(broken('a dead process'))
  }
  const around = async (call: string, send: () => Promise<unknown>): Promise<unknown> => {
    if (dead) throw broken(call)
    if (call.includes('events') || ++count !== nth) return send()
    switch (fault) {
      case 'before':
        throw broken(call)
      case 'after':
        await send()
        throw broken(call)
      case 'conflict':
        throw new ApiError({ call, status: 409, reason: 'Conflict', message: 'the object has been modified' })
      case 'timeout':
        await send()
        throw new DeadlineExceeded(call, 30_000)
      case 'crash before':
        return die()
      case 'crash after':
        await send()
        return die()
    }
  }
  return {
    client: intercept(client, around),
    crashed: crash.promise,
    get hit() {
      return count >= nth
    },
  }
}

/** A client whose watches bring everything late. */
export function delayWatches(client: Client, milliseconds: number): Client {
  return new Proxy(client, {
    get(target, property: keyof Client) {
      const method = target[property] as unknown as (...args: unknown[]) => AsyncGenerator<unknown, void, undefined>
      if (property !== 'watch') return typeof method === 'function' ? method.bind(target) : method
      return async function* delayed(...args: readonly unknown[]) {
        for await (const event of method.apply(target, [...args])) {
          await new Promise((resolve) => {
            setTimeout(resolve, milliseconds)
          })
          yield event
        }
      }
    },
  })
}
