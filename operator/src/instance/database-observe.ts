import type { NotejamInstance } from '../api/notejam.ts'
import type { Job, Pod, StatefulSet } from '../api/objects.ts'
import type { EffectivePolicy } from '../api/policy.ts'
import { builtInEngine } from './database-connection.ts'
import { chooseDatabaseImage, readDatabaseState, type DatabaseState } from './database-state.ts'
import type { Stall } from './release/types.ts'
import { databaseTemplateHash, type DatabaseInput } from './resources/database-set.ts'

/** What {@link observeDatabase} looks at. */
export interface DatabaseView {
  readonly instance: NotejamInstance
  readonly policy: EffectivePolicy
  /** Hash of its Secret; undefined while it cannot be read. */
  readonly secretHash: string | undefined
  readonly set: StatefulSet | undefined
  readonly pods: readonly Pod[]
  readonly jobs: readonly Job[]
  /** Why the instance sleeps; undefined while it is awake. */
  readonly asleep: string | undefined
  /** No pod of the app, of a release or of a backup is there. */
  readonly clientsGone: boolean
}

/** The built-in database of an instance, as it is and as it is to be. */
export interface ObservedDatabase {
  readonly state: DatabaseState
  /** What its StatefulSet is rendered from; undefined leaves it alone. */
  readonly input: DatabaseInput | undefined
  /** It is wanted and not ready: no Job begins, and the app's Deployment is left as it is. */
  readonly holds: boolean
  readonly problems: readonly Stall[]
}

/**
 * Looks at the built-in database; undefined where there is none. It stops after the app and all Jobs, and starts before them: to lose it would make each
 * of them fail.
 */
export function observeDatabase(view: DatabaseView): ObservedDatabase | undefined {
  const { instance, policy, secretHash, set, pods, asleep } = view
  const engine = builtInEngine(instance)
  if (engine === undefined || policy.database === undefined) return undefined
  const replicas = asleep !== undefined && view.clientsGone && !view.jobs.some(isRunning) ? 0 : 1
  const chosen = chooseDatabaseImage(engine, policy.database.image, set?.spec.template.spec.containers[0]?.image)
  const input: DatabaseInput | undefined =
    secretHash === undefined ? undefined : { instance, policy, engine, image: chosen.image, secretHash, replicas }
  const hash = input === undefined ? undefined : databaseTemplateHash(input)
  const state = readDatabaseState({ engine, set, pods, hash, replicas })
  const problems = [chosen.refused, state.type === 'Failed' ? state.stall : undefined].filter((problem) => problem !== undefined)
  return { state, input, holds: state.type !== 'Ready' && asleep === undefined, problems }
}

function isRunning({ status }: Job): boolean {
  return status?.conditions?.some(({ type, status: value }) => value === 'True' && (type === 'Complete' || type === 'Failed')) !== true
}
