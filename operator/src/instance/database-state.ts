import { parseImage } from '../api/image.ts'
import { annotations } from '../api/labels.ts'
import type { Pod, StatefulSet } from '../api/objects.ts'
import { describeEnd, findPodProblem } from './pod-problem.ts'
import type { Stall } from './release/types.ts'
import { databaseServer, type ServerEngine } from './resources/database-scripts.ts'

/**
 * How the built-in database is doing.
 *
 * - `Stopped`: no pod of it is wanted, or there.
 * - `Starting`: it will take connections, as far as one can see.
 * - `Ready`: it takes connections, with the settings of now.
 * - `Failed`: a person is needed.
 */
export type DatabaseState =
  | { readonly type: 'Stopped' }
  | { readonly type: 'Starting'; readonly message: string }
  | { readonly type: 'Ready' }
  | { readonly type: 'Failed'; readonly stall: Stall }

/** What is known of the server. */
export interface DatabaseEvidence {
  readonly engine: ServerEngine
  readonly set: StatefulSet | undefined
  /** Pods of the server. */
  readonly pods: readonly Pod[]
  /** Hash of the template that it is to have; undefined while a Secret cannot be read: then what it has counts. */
  readonly hash: string | undefined
  readonly replicas: 0 | 1
}

/** Reads the state from the StatefulSet and its pod. */
export function readDatabaseState({ engine, set, pods, hash, replicas }: DatabaseEvidence): DatabaseState {
  if (set === undefined) return { type: 'Starting', message: 'its StatefulSet is being made' }
  if (replicas === 0 && set.spec.replicas === 0) return { type: 'Stopped' }
  if (hash !== undefined && set.spec.template.metadata?.annotations?.[annotations.templateHash] !== hash) {
    return { type: 'Starting', message: 'its StatefulSet is being changed' }
  }
  const failure = pods.map((pod) => findFailure(pod, engine)).find((found) => found !== undefined)
  if (failure !== undefined) return { type: 'Failed', stall: failure }
  const { observedGeneration = 0, readyReplicas = 0, updatedReplicas = 0 } = set.status ?? {}
  if (observedGeneration < (set.metadata.generation ?? 0)) return { type: 'Starting', message: 'its StatefulSet was changed just now' }
  const isReady = set.spec.replicas === 1 && readyReplicas === 1 && updatedReplicas === 1
  const unschedulable = pods.map((pod) => findPodProblem(pod)).find((problem) => problem !== undefined)
  return isReady ? { type: 'Ready' } : { type: 'Starting', message: unschedulable?.message ?? 'its pod is not ready yet' }
}

const names = { PostgreSQL: 'PostgreSQL', MySQL: 'MariaDB' } as const

function findFailure(pod: Pod, engine: ServerEngine): Stall | undefined {
  const [container] = pod.status?.containerStatuses ?? []
  const ended = container?.state?.terminated ?? (container?.state?.running === undefined ? container?.lastState?.terminated : undefined)
  // Known at the first end: no other one would be different.
  if (ended?.exitCode === databaseServer.exitOtherVersion) {
    return { reason: 'DatabaseMajorUpgrade', message: `${ended.message?.trim() ?? describeEnd(ended)}; ${wayToGo(engine)}` }
  }
  const problem = findPodProblem(pod)
  if (problem === undefined || problem.kind === 'Unschedulable') return undefined
  return { reason: problem.kind === 'ImagePull' ? 'ImagePullFailed' : 'DatabaseFailed', message: `Built-in database: ${problem.message}` }
}

function wayToGo(engine: ServerEngine): string {
  return `set database.builtIn.image back to the version before. For another major version of ${names[engine]} make a new instance and fill it from this one (docs/how-to/databases.md)`
}

/**
 * Major version that an image says that it is of, by its tag: `17` of `postgres:17.2-bookworm`, `11.8` of `mariadb:11.8.3`. Undefined where the tag does
 * not tell; the start script of the server looks at the data in any case.
 */
export function majorVersion(engine: ServerEngine, image: string): string | undefined {
  const pattern = engine === 'PostgreSQL' ? /^(\d+)(?:\.\d+)*(?:-|$)/ : /^(\d+\.\d+)(?:\.\d+)*(?:-|$)/
  return pattern.exec(parseImage(image).tag ?? '')?.[1]
}

/** What the server runs, and why it is not what the spec asks for. */
export interface DatabaseImage {
  readonly image: string
  readonly refused: Stall | undefined
}

/** Holds the image of the spec against the one that runs: one of another major version does not get near the data, and the server goes on. */
export function chooseDatabaseImage(engine: ServerEngine, wanted: string, running: string | undefined): DatabaseImage {
  const [to, from] = [majorVersion(engine, wanted), majorVersion(engine, running ?? '')]
  if (running === undefined || to === undefined || from === undefined || to === from) return { image: wanted, refused: undefined }
  const message = `The built-in database is of ${names[engine]} ${from}, ${wanted} is of ${to}. Nothing was changed; ${wayToGo(engine)}`
  return { image: running, refused: { reason: 'DatabaseMajorUpgrade', message } }
}
