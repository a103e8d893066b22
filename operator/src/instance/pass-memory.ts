import type { InstanceStatus, NotejamInstance } from '../api/notejam.ts'
import { keyOf, keyToString, type ObjectKey } from '../kube/object.ts'
import { sameJson } from '../runtime/json.ts'
import type { ReleasePlan } from './release/types.ts'
import type { SecretsState } from './secrets.ts'

/**
 * A Secret that changes so soon after its last reading is found by the next one: with an edit of the spec, else minutes later, as one that changes after a
 * pass.
 */
const freshMs = 1000

interface Memory {
  readonly uid: string
  secrets: SecretsState | undefined
  /** Monotonic milliseconds. */
  readAt: number
  reportDue: boolean
  journal: Journal | undefined
}

/** A step that is done and not written down yet. */
interface Journal {
  /** The status that it comes after. */
  readonly after: InstanceStatus | undefined
  readonly step: Pick<InstanceStatus, 'operation' | 'release' | 'databaseIdentity'>
}

/**
 * What one pass leaves for the next one of the same instance. Losing it costs a read or a write, never more: a process that begins anew knows nothing.
 */
export class PassMemory {
  readonly #memories = new Map<string, Memory>()

  /**
   * The Secrets as they were read last, for a pass that only keeps what is released: it need not wait for them, and reads them afterwards. Undefined
   * while a release is under way or about to begin, which must see them as they are.
   */
  secretsFor(instance: NotejamInstance): SecretsState | undefined {
    const { spec, status } = instance
    const isAtRest = status?.operation === undefined && status?.release?.current?.image === spec.image
    return isAtRest ? this.#of(instance).secrets : undefined
  }

  /**
   * Remembers Secrets that can be used: of anything missing each pass asks anew. Only the names of our own Secrets are kept of it.
   *
   * @param readAt - monotonic milliseconds
   */
  readSecrets(instance: NotejamInstance, { own, ...state }: SecretsState, readAt: number): void {
    const usable = state.hash !== undefined && state.problems.length === 0
    const kept = own.map(({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata: referenceOf(metadata) }))
    Object.assign(this.#of(instance), { readAt, secrets: usable ? { ...state, own: kept } : undefined })
  }

  /** Whether the Secrets were read a moment ago, so that a pass that follows at once need not read them again. */
  hasFreshSecrets(instance: NotejamInstance, now: number): boolean {
    return now - this.#of(instance).readAt < freshMs
  }

  /** Whether the last pass left its report to the next one: then this one must not. */
  isReportDue(instance: NotejamInstance): boolean {
    return this.#of(instance).reportDue
  }

  /** Notes whether a report was left to the next pass. */
  leaveReport(instance: NotejamInstance, isLeft: boolean): void {
    const memory = this.#of(instance)
    memory.reportDue = isLeft
    if (!isLeft) memory.journal = undefined
  }

  /** Notes a step of the journal that the next pass is to write. */
  leaveJournal(instance: NotejamInstance, { operation, release, identity }: ReleasePlan): void {
    const step = {
      release,
      ...(operation === undefined ? {} : { operation }),
      ...(identity === undefined ? {} : { databaseIdentity: identity }),
    }
    this.#of(instance).journal = { after: instance.status, step }
  }

  /**
   * The instance with the step that the last pass left; as it is, where there is none or the status says something else by now, as after another process
   * led meanwhile.
   */
  withJournal(instance: NotejamInstance): NotejamInstance {
    const memory = this.#of(instance)
    const { journal } = memory
    if (journal === undefined) return instance
    if (sameJson(journal.after ?? {}, instance.status ?? {})) return { ...instance, status: { ...instance.status, ...journal.step } }
    memory.journal = undefined
    return instance
  }

  /** The instance is gone. */
  forget(key: ObjectKey): void {
    this.#memories.delete(keyToString(key))
  }

  #of(instance: NotejamInstance): Memory {
    const key = keyToString(keyOf(instance))
    const { uid = '' } = instance.metadata
    const known = this.#memories.get(key)
    if (known?.uid === uid) return known
    const memory: Memory = { uid, secrets: undefined, readAt: Number.NEGATIVE_INFINITY, reportDue: false, journal: undefined }
    this.#memories.set(key, memory)
    return memory
  }
}

function referenceOf({ name, namespace = '', uid = '' }: NotejamInstance['metadata']): { name: string; namespace: string; uid: string } {
  return { name, namespace, uid }
}
