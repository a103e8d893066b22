import type { NotejamBackup, NotejamInstance, NotejamRestore } from '../api/notejam.ts'
import type { Job } from '../api/objects.ts'
import { findOwnClaim } from '../instance/own-claim.ts'
import { isConflict, isNotFound } from '../kube/errors.ts'
import { controllerOf, keyOf, keyToString, type ObjectKey } from '../kube/object.ts'
import { resources, type Resource } from '../kube/resource.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { dataJobsByInstance } from './backup-indexes.ts'
import { hasEnded } from './backup-planner.ts'
import { notejamBackups, notejamRestores } from './kinds.ts'
import { runAnnotation } from './resources/data-pod.ts'
import { finishedAt, isOver } from './run-state.ts'

/**
 * Deletes all Jobs of backups and restores of an instance that is to go. They belong to NotejamBackups and NotejamRestores, which stay; a pod that has ended
 * still keeps its volume from being deleted (Kubernetes, "Storage Object in Use Protection").
 */
export async function deleteDataJobs(instance: NotejamInstance, context: ReconcileContext): Promise<void> {
  for (const job of dataJobsOf(instance, context)) await deleteJob(job, context)
}

/**
 * Lets the volume of SQLite go that somebody deleted: deletes the Jobs that are over, whose pods name its claim, once what they came to is in a status. The
 * app's own pods are for whoever deleted the claim to decide about.
 */
export async function freeVolume(instance: NotejamInstance, context: ReconcileContext): Promise<void> {
  const { cache } = context
  const { uid = '' } = instance.metadata
  const claim = findOwnClaim(instance, cache)
  if (instance.spec.database.sqlite === undefined || claim?.metadata.deletionTimestamp === undefined) return
  const jobs = [...cache.controlledBy<Job>(resources.jobs, uid), ...dataJobsOf(instance, context)]
  const spent = new Map(jobs.filter((job) => isSpent(job, instance, context)).map((job) => [job.metadata.name, job]))
  for (const job of spent.values()) await deleteJob(job, context)
}

function dataJobsOf(instance: NotejamInstance, { cache }: ReconcileContext): readonly Job[] {
  return cache.byIndex<Job>(resources.jobs, dataJobsByInstance, keyToString(keyOf(instance)))
}

/** Whether a Job is over and read, and its pods have the volume: a trial restore has one of its own. */
function isSpent(job: Job, { status }: NotejamInstance, { cache }: ReconcileContext): boolean {
  const { uid, namespace = '', annotations } = job.metadata
  if (!isOver(job) || uid === status?.operation?.jobUID || annotations?.[runAnnotation] === 'verify') return false
  const owner = controllerOf(job)
  const key: ObjectKey = { namespace, name: owner?.name ?? '' }
  const isTold = (resource: Resource): boolean => {
    const run = cache.get<NotejamBackup | NotejamRestore>(resource, key)
    return run === undefined || hasEnded(run.status)
  }
  switch (owner?.kind) {
    case 'NotejamBackup':
      return isTold(notejamBackups)
    case 'NotejamRestore':
      return isTold(notejamRestores)
    case 'CronJob':
      return (finishedAt(job) ?? '') <= (status?.backup?.lastRunTime ?? '')
    default:
      return true
  }
}

async function deleteJob(job: Job, { client, signal }: ReconcileContext): Promise<void> {
  const { uid, deletionTimestamp } = job.metadata
  if (deletionTimestamp !== undefined) return
  const preconditions = uid === undefined ? {} : { preconditions: { uid } }
  try {
    await client.delete(resources.jobs, keyOf(job), { propagation: 'Background', ...preconditions, signal })
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error
  }
}
