import type { NotejamBackup, NotejamInstance } from '../api/notejam.ts'
import type { Job, Pod } from '../api/objects.ts'
import { effectivePolicy } from '../api/policy.ts'
import { deployOf } from '../instance/release/journal.ts'
import { readHibernation } from '../instance/hibernation.ts'
import { podsByInstance } from '../instance/indexes.ts'
import { notejamInstances } from '../instance/kinds.ts'
import { readSecrets } from '../instance/secrets.ts'
import { isPaused } from '../instance/status.ts'
import { controllerOf, keyToString } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import type { CacheReader } from '../runtime/cache.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { backupsByInstance, dataJobsByInstance } from './backup-indexes.ts'
import { hasEnded, type BackupObservation } from './backup-planner.ts'
import { byAge } from './by-age.ts'
import { notejamBackups } from './kinds.ts'
import { runAnnotation } from './resources/data-pod.ts'
import type { BackupJobInput } from './resources/backup-job.ts'
import { isLastBackup } from './resources/last-backup.ts'
import { finishedAt, isOver, readRun } from './run-state.ts'
import { readStores } from './stores.ts'

/** What is known of one NotejamBackup. */
export interface SeenBackup extends BackupObservation {
  readonly job: Job | undefined
  /** What its Job is made of; undefined while something of it is missing. */
  readonly input: BackupJobInput | undefined
}

/** Steps of an operation that change data, so that nothing may read it meanwhile. */
const changingSteps = new Set(['Contracting', 'Wiping', 'Migrating', 'Restoring', 'Withdrawing', 'Seeding'])

/** Gathers a {@link SeenBackup}. */
export async function observeBackup(backup: NotejamBackup, context: ReconcileContext): Promise<SeenBackup> {
  const { cache, clock } = context
  const { namespace = '', uid = '' } = backup.metadata
  const key = { namespace, name: backup.spec.instanceRef.name }
  const found = cache.get<NotejamInstance>(notejamInstances, key)
  // One that is being deleted is gone for all but its last backup.
  const isGone = found?.metadata.deletionTimestamp !== undefined && !isLastBackup(backup, found)
  const instance = isGone ? undefined : found
  const [job] = cache.controlledBy<Job>(resources.jobs, uid)
  const pods = cache.byIndex<Pod>(resources.pods, podsByInstance, keyToString(key))
  const run = readRun(
    job,
    pods.filter((pod) => controllerOf(pod)?.uid === job?.metadata.uid),
    'backup',
  )
  const seen = { backup, job, run, hasInstance: instance !== undefined, now: clock.now() }
  if (hasEnded(backup.status))
    return { ...seen, waitsFor: undefined, input: undefined, ...findVerified(backup, keyToString(key), pods, cache) }
  if (instance === undefined || job !== undefined) return { ...seen, waitsFor: undefined, input: undefined }
  const prepared = await prepare(instance, backup, pods, context)
  if (typeof prepared === 'string') {
    const lacks = isLastBackup(backup, instance) || !isPaused(instance)
    return { ...seen, waitsFor: prepared, lacks, input: undefined }
  }
  return { ...seen, waitsFor: findWait(instance, backup, context), input: prepared }
}

/** A trial restore of the backup's archive, among the Jobs that are still there. */
function findVerified(
  { status }: NotejamBackup,
  instance: string,
  pods: readonly Pod[],
  cache: CacheReader,
): Pick<BackupObservation, 'verified'> {
  const runs = cache.byIndex<Job>(resources.jobs, dataJobsByInstance, instance).flatMap((job) => {
    const time = finishedAt(job)
    if (time === undefined || job.metadata.annotations?.[runAnnotation] !== 'verify') return []
    const run = readRun(
      job,
      pods.filter((pod) => controllerOf(pod)?.uid === job.metadata.uid),
      'verify',
    )
    return run.type === 'Succeeded' && run.report?.['backupID'] === status?.backupID ? [{ time, report: run.report }] : []
  })
  const last = runs.toSorted((a, b) => a.time.localeCompare(b.time)).at(-1)
  if (status?.backupID === undefined || last === undefined) return {}
  const seconds = last.report?.['durationSeconds']
  return { verified: { time: last.time, ...(typeof seconds === 'number' ? { durationSeconds: Math.round(seconds) } : {}) } }
}

/** Gathers what the Job is made of, or says what is missing. */
async function prepare(
  instance: NotejamInstance,
  backup: NotejamBackup,
  pods: readonly Pod[],
  context: ReconcileContext,
): Promise<BackupJobInput | string> {
  if (instance.spec.backup === undefined) return `NotejamInstance ${instance.metadata.name} has no spec.backup.storeRef`
  const release = instance.status?.release?.current ?? instance.status?.release?.target
  if (release === undefined) return 'The instance has no release yet, so nothing was written'
  const { stores, problems } = await readStores(instance, context)
  if (stores === undefined) return problems[0]?.message ?? 'A store is missing'
  const policy = effectivePolicy(instance.spec)
  const secrets = await readSecrets({ ...context, instance, policy, randomKey: undefined, now: context.clock.now() })
  if (secrets.connection === undefined || secrets.problems.length > 0) return secrets.problems[0]?.message ?? 'A Secret is missing'
  const { connection } = secrets
  return { instance, policy, connection, backup, stores, image: deployOf(release).image, besideApp: isBesideApp(connection.type, pods) }
}

/** Whether a Job has to run where the app does, whose volume is there. */
export function isBesideApp(connection: string, pods: readonly Pod[]): boolean {
  if (connection !== 'SQLite') return false
  return pods.some(
    ({ metadata, spec, status }) =>
      metadata.labels?.['app.kubernetes.io/component'] === 'app' && spec.nodeName !== undefined && status?.phase === 'Running',
  )
}

/** One operation at a time: what changes data goes first, then whoever came first. */
function findWait(instance: NotejamInstance, backup: NotejamBackup, { cache, clock }: ReconcileContext): string | undefined {
  const key = keyToString({ namespace: instance.metadata.namespace ?? '', name: instance.metadata.name })
  const other = cache
    .byIndex<Job>(resources.jobs, dataJobsByInstance, key)
    .find((job) => job.metadata.annotations?.[runAnnotation] === 'backup' && !isOver(job))
  const queue = other === undefined ? undefined : `Job ${other.metadata.name} backs the instance up already`
  // Deletion goes first: it has stopped whatever else was under way, and woken the database.
  if (isLastBackup(backup, instance)) return queue
  const { operation } = instance.status ?? {}
  if (isPaused(instance)) return `NotejamInstance ${instance.metadata.name} is paused`
  if (instance.spec.database.type !== 'SQLite' && instance.spec.database.external === undefined) {
    const { reason } = readHibernation(instance.spec, clock.now())
    if (reason !== undefined) return `${reason}, and its database with it`
  }
  if (operation !== undefined && changingSteps.has(operation.step))
    return `Operation ${operation.id} of the instance is at step ${operation.step}, which changes its data`
  if (queue !== undefined) return queue
  const first = cache
    .byIndex<NotejamBackup>(notejamBackups, backupsByInstance, key)
    .filter(({ status, metadata }) => !hasEnded(status) && metadata.deletionTimestamp === undefined)
    .toSorted(byAge)[0]
  return first === undefined || first.metadata.uid === backup.metadata.uid
    ? undefined
    : `NotejamBackup ${first.metadata.name} came before it`
}
