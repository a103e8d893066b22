import { randomBytes } from 'node:crypto'
import { annotationPrefix, annotations, fieldManager } from '../../operator/src/api/labels.ts'
import { backupController } from '../../operator/src/backup/controller.ts'
import { ownerAnnotation } from '../../operator/src/backup/resources/last-backup.ts'
import { storeController } from '../../operator/src/backup/store-controller.ts'
import { instanceController } from '../../operator/src/instance/controller.ts'
import type { Client } from '../../operator/src/kube/client.ts'
import { ConnectionError } from '../../operator/src/kube/errors.ts'
import type { KubeObject } from '../../operator/src/kube/object.ts'
import { intercept } from './runtime-faults.ts'
import { start, widgetManagerOptions, type Running } from './runtime-fixture.ts'

/** At which write an operator is killed, and on which side of it. */
export interface Death {
  /** `before`: the server never gets the write; `after`: it has done it, and the operator never learns of that. */
  readonly when: 'before' | 'after'
  /**
   * Whether this is the write.
   *
   * @param write - what is written, as `apply jobs.batch notes-r2-expand`
   * @param nth - how many were before it, since the operator was made mortal
   */
  readonly isAt: (write: string, nth: number) => boolean
}

/** An operator inside the test's process that is killed at one of its writes: from then on nothing leaves it any more, and nothing of it is kept. */
export class MortalOperator {
  readonly #running: Running
  readonly #died = Promise.withResolvers<void>()
  #death: Death | undefined
  #writes = 0
  #lastWrite: string | undefined

  constructor(client: Client, namespace: string) {
    const around = async (call: string, send: () => Promise<unknown>, object: unknown): Promise<unknown> =>
      await this.#write(`${call} ${nameOf(object)}`, send)
    this.#running = start(
      widgetManagerOptions(intercept(client, around), namespace, {
        controllers: [
          instanceController({ randomKey: (bytes) => randomBytes(bytes).toString('base64'), random: Math.random }),
          backupController(),
          storeController(),
        ],
        fieldManager,
        annotations: { hash: `${annotationPrefix}applied`, owner: ownerAnnotation, adopt: annotations.adopt },
      }),
    )
  }

  /** Lets it be killed from now on; writes are counted from 0 again. */
  expose(death: Death): void {
    this.#writes = 0
    this.#death = death
  }

  /** Resolves when it is killed. */
  get died(): Promise<void> {
    return this.#died.promise
  }

  /** The write that it was killed at. */
  get lastWrite(): string | undefined {
    return this.#lastWrite
  }

  /** Takes away what is left of it. */
  async end(): Promise<void> {
    await this.#running[Symbol.asyncDispose]()
  }

  async #write(write: string, send: () => Promise<unknown>): Promise<unknown> {
    if (this.#lastWrite !== undefined) throw cut(write)
    const death = this.#death
    // Events tell of what happened; nothing is read back from them.
    if (death === undefined || write.includes('events.k8s.io')) return await send()
    if (!death.isAt(write, this.#writes++)) return await send()
    this.#lastWrite = write
    if (death.when === 'after') await send().catch(() => undefined)
    this.#died.resolve()
    throw cut(write)
  }
}

function nameOf(object: unknown): string {
  return (object as KubeObject).metadata?.name ?? (object as { readonly name?: string }).name ?? ''
}

function cut(call: string): ConnectionError {
  return new ConnectionError({ call, failure: 'Reset', maybeSent: true, message: 'the operator was killed' })
}
