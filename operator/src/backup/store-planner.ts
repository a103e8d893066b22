import type { NotejamBackupStore, NotejamInstance } from '../api/notejam.ts'
import { condition, type ReasonOf } from '../api/reasons.ts'
import { findCondition, setCondition } from '../runtime/conditions.ts'
import type { RunState } from './run-state.ts'

/** An instance that uses a store, with what its Jobs came to. */
export interface StoreUser {
  readonly instance: NotejamInstance
  /** Of those Jobs that tell of this store. */
  readonly runs: readonly { readonly time: string; readonly run: RunState }[]
}

/** What the status of a store depends on. */
export interface StoreEvidence {
  readonly store: NotejamBackupStore
  /** What the spec names and is not there. */
  readonly missing: { readonly reason: 'SecretNotFound' | 'SecretKeyMissing' | 'ClaimNotFound'; readonly message: string } | undefined
  readonly users: readonly StoreUser[]
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

type StoreStatus = NonNullable<NotejamBackupStore['status']>

/** Says what is known of a store without opening it: what is missing, and what the last Job said that used it. */
export function storeStatus({ store, missing, users, now }: StoreEvidence): StoreStatus {
  const { name, generation = 0 } = store.metadata
  const first = users.filter(({ instance }) => instance.spec.backup?.storeRef.name === name)
  const last = users
    .flatMap(({ runs }) => runs)
    .toSorted((a, b) => a.time.localeCompare(b.time))
    .at(-1)
  const failure = last?.run.type === 'Failed' && last.run.reason === 'StoreUnavailable' ? last.run.message : failedCopy(name, users)
  const ready = (status: 'True' | 'False', reason: ReasonOf<'StoreReady'>, message: string) => ({
    ...condition('StoreReady', status, reason, message, generation),
    type: 'Ready',
  })
  const state =
    missing !== undefined
      ? ready('False', missing.reason, missing.message)
      : failure !== undefined
        ? ready('False', 'StoreUnavailable', failure)
        : ready('True', 'Usable', last === undefined ? 'No Job has used the store yet' : `A Job used the store at ${last.time}`)
  const counts = first.flatMap(({ instance }) => instance.status?.backup?.storedCount ?? [])
  const { lastProbeTime = last?.time } = { ...store.status, ...(last === undefined ? {} : { lastProbeTime: last.time }) }
  return {
    observedGeneration: generation,
    conditions: [...setCondition(store.status?.conditions ?? [], state, now)],
    ...(lastProbeTime === undefined ? {} : { lastProbeTime }),
    ...(counts.length === 0 ? {} : { usage: { archives: counts.reduce((sum, count) => sum + count, 0), instances: counts.length } }),
  }
}

/** A second store whose copies fail holds no Job up, so its instances say it. */
function failedCopy(name: string, users: readonly StoreUser[]): string | undefined {
  return users
    .filter(({ instance }) => instance.spec.backup?.secondStoreRef?.name === name)
    .map(({ instance }) => findCondition(instance.status?.conditions, 'SecondCopyCurrent'))
    .find((state) => state?.status === 'False')?.message
}
