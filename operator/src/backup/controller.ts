import { managedBySelector, statusFieldManager } from '../api/labels.ts'
import type { BackupStatus, NotejamBackup } from '../api/notejam.ts'
import type { Job, Pod } from '../api/objects.ts'
import type { EventReason } from '../api/reasons.ts'
import { childIndexes, instanceOf, podsByInstance } from '../instance/indexes.ts'
import { notejamInstances } from '../instance/kinds.ts'
import { isNamespaceTerminating, isRefused } from '../kube/errors.ts'
import { controllerOf, keyOf, type ObjectKey } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import type { CacheReader } from '../runtime/cache.ts'
import { findCondition } from '../runtime/conditions.ts'
import type { ControllerOptions, ReconcileContext } from '../runtime/reconciler.ts'
import { after, done, type Result } from '../runtime/result.ts'
import { source, type AccessRule } from '../runtime/source.ts'
import { writeStatus } from '../runtime/write-status.ts'
import { backupIndexes, backupsByInstance, dataJobIndexes, dataJobInstance } from './backup-indexes.ts'
import { hasEnded, planBackup, type BackupPlan } from './backup-planner.ts'
import { notejamBackups, notejamBackupStores } from './kinds.ts'
import { observeBackup, type SeenBackup } from './observe-backup.ts'
import { runAnnotation } from './resources/data-pod.ts'
import { isOver } from './run-state.ts'
import { runsOfInstance } from './runs-of-instance.ts'
import { buildBackupJob } from './resources/backup-job.ts'

/** What the controller calls; the chart's role is made of it. */
const access: readonly AccessRule[] = [
  { resource: notejamBackups, subresource: 'status', verbs: ['patch'] },
  { resource: notejamBackups, subresource: 'finalizers', verbs: ['update'] },
  { resource: resources.jobs, verbs: ['get', 'create', 'patch', 'delete'] },
  { resource: resources.persistentVolumeClaims, verbs: ['get'] },
  { resource: resources.secrets, verbs: ['get'] },
]

/** Seconds until a waiting backup looks again, where no watch may tell: Secrets and claims. */
const waitSeconds = 10

const runs = runsOfInstance(notejamBackups, backupsByInstance)

/** The controller of NotejamBackups. */
export function backupController(): ControllerOptions {
  return {
    name: 'notejambackup',
    primary: { resource: notejamBackups, indexes: backupIndexes },
    sources: [
      source<Job>({
        resource: resources.jobs,
        labelSelector: managedBySelector,
        map: (job, cache) => dataJobInstance(job).flatMap((instance) => concerned(cache, instance, job)),
        indexes: { ...childIndexes(resources.jobs), ...dataJobIndexes },
      }),
      source<Pod>({
        resource: resources.pods,
        labelSelector: managedBySelector,
        map: backupOfPod,
        indexes: { [podsByInstance]: (pod) => instanceOf(pod).map((name) => `${pod.metadata.namespace ?? ''}/${name}`) },
      }),
      source({ resource: notejamInstances, map: runs.concerned }),
      source({
        resource: notejamBackupStores,
        map: (store, cache) => cache.list<NotejamBackup>(notejamBackups, keyOf(store).namespace).filter(isUnfinished).map(keyOf),
      }),
    ],
    access,
    reconcile: reconcileBackup,
  }
}

function isUnfinished({ status }: NotejamBackup): boolean {
  return !hasEnded(status)
}

/** A trial restore that has ended is told by the backup whose archive it was. */
function concerned(cache: CacheReader, instance: string, job: Job): readonly ObjectKey[] {
  if (job.metadata.annotations?.[runAnnotation] !== 'verify' || !isOver(job)) return runs.unfinished(cache, instance)
  return runs.all(cache, instance)
}

function backupOfPod(pod: Pod, cache: CacheReader): readonly ObjectKey[] {
  const { namespace = '' } = pod.metadata
  const owner = controllerOf(pod)
  if (owner?.kind !== 'Job') return []
  const job = cache.get(resources.jobs, { namespace, name: owner.name })
  const backup = job === undefined ? undefined : controllerOf(job)
  return backup?.kind === 'NotejamBackup' ? [{ namespace, name: backup.name }] : []
}

/** The story of one backup: observe, decide, act, report. */
async function reconcileBackup(request: ObjectKey, context: ReconcileContext): Promise<Result> {
  const backup = context.cache.get<NotejamBackup>(notejamBackups, request)
  if (backup === undefined || backup.metadata.deletionTimestamp !== undefined) return done
  const seen = await observeBackup(backup, context)
  const plan = planBackup(seen)
  try {
    // The beginning is written before the Job is made: from then on it has a deadline, whatever becomes of the operator.
    if (plan.job === 'Create') await report(backup, plan.status, context)
    const refusal = await act(seen, plan, context)
    if (refusal !== undefined) context.log.warn({ refusal }, 'The Job of a backup was refused')
    if (plan.job !== 'Create') await report(backup, plan.status, context)
  } catch (error) {
    if (isNamespaceTerminating(error)) return done
    throw error
  }
  if (hasEnded(plan.status)) return done
  const { now } = seen
  return after(Math.min(waitSeconds, plan.wakeAt === undefined ? waitSeconds : Math.max(0.1, (plan.wakeAt - now) / 1000)))
}

/** Makes or ends the Job. What the server refuses is tried again until the deadline, which ends the run. */
async function act({ backup, job, input }: SeenBackup, plan: BackupPlan, { applier }: ReconcileContext): Promise<string | undefined> {
  if (plan.job === 'Delete' && job !== undefined) await applier.delete(resources.jobs, job, backup)
  if (plan.job !== 'Create' || input === undefined) return undefined
  try {
    await applier.apply({ resource: resources.jobs, desired: buildBackupJob(input), owner: backup, createOnly: true })
    return undefined
  } catch (error) {
    if (!isRefused(error)) throw error
    return error.message
  }
}

async function report(backup: NotejamBackup, status: BackupStatus, context: ReconcileContext): Promise<void> {
  tellEnd(backup, status, context)
  await writeStatus(context.client, notejamBackups, backup, status, { fieldManager: statusFieldManager, signal: context.signal })
}

/** Tells the end once, about the backup and about its instance. */
function tellEnd(backup: NotejamBackup, status: BackupStatus, { recorder, cache }: ReconcileContext): void {
  if (hasEnded(backup.status) || !hasEnded(status)) return
  const state = findCondition(status.conditions, 'Succeeded')
  const isGood = state?.status === 'True'
  const reason: EventReason = isGood ? 'BackupSucceeded' : 'BackupFailed'
  const note = `${state?.reason ?? ''}: ${state?.message ?? ''}`
  const event = { type: isGood ? 'Normal' : 'Warning', reason, action: 'Backup', note } as const
  recorder.event(backup, event)
  const { namespace = '' } = backup.metadata
  const instance = cache.get(notejamInstances, { namespace, name: backup.spec.instanceRef.name })
  if (instance !== undefined) recorder.event(instance, { ...event, related: backup })
}
