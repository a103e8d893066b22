import { managedBySelector, statusFieldManager } from '../api/labels.ts'
import type { NotejamBackup, NotejamInstance, NotejamRestore, RestoreStatus } from '../api/notejam.ts'
import type { Job, Pod } from '../api/objects.ts'
import { effectivePolicy } from '../api/policy.ts'
import { readHibernation } from '../instance/hibernation.ts'
import { childIndexes, instanceOf, podsByInstance } from '../instance/indexes.ts'
import { notejamInstances } from '../instance/kinds.ts'
import { deployOf } from '../instance/release/journal.ts'
import { restoreID } from '../instance/release/restore.ts'
import { readSecrets } from '../instance/secrets.ts'
import { isPaused } from '../instance/status.ts'
import { isNamespaceTerminating, isRefused } from '../kube/errors.ts'
import { controllerOf, keyToString, type KubeObject, type ObjectKey } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import type { CacheReader } from '../runtime/cache.ts'
import { findCondition } from '../runtime/conditions.ts'
import type { ControllerOptions, ReconcileContext } from '../runtime/reconciler.ts'
import { after, done, type Result } from '../runtime/result.ts'
import { source, type AccessRule } from '../runtime/source.ts'
import { writeStatus } from '../runtime/write-status.ts'
import { backupIndexes, dataJobIndexes, dataJobInstance, restoreIndexes, restoresByInstance } from './backup-indexes.ts'
import { hasEnded } from './backup-planner.ts'
import { notejamBackups, notejamBackupStores, notejamRestores } from './kinds.ts'
import { isBesideApp } from './observe-backup.ts'
import { archiveOf, findSource, restoresInPlace } from './observe-restore.ts'
import { planRestore, type RestoreObservation } from './restore-planner.ts'
import { operationBackupName } from './resources/names.ts'
import { buildRecoverJob, type RecoverJobInput } from './resources/recover-job.ts'
import { buildVerifyJob } from './resources/verify-job.ts'
import { readRun } from './run-state.ts'
import { runsOfInstance } from './runs-of-instance.ts'
import { readStores } from './stores.ts'

/** What the controller calls; the chart's role is made of it. */
const access: readonly AccessRule[] = [
  { resource: notejamRestores, subresource: 'status', verbs: ['patch'] },
  { resource: notejamRestores, subresource: 'finalizers', verbs: ['update'] },
  { resource: resources.jobs, verbs: ['get', 'create', 'patch', 'delete'] },
  { resource: resources.persistentVolumeClaims, verbs: ['get'] },
  { resource: resources.secrets, verbs: ['get'] },
]

/** Seconds until a restore that has not ended is looked at again, where no watch may tell: Secrets, claims and deadlines. */
const lookSeconds = 10

const runs = runsOfInstance(notejamRestores, restoresByInstance)

/** The controller of NotejamRestores. One in place is an operation of its instance; this says how far that is. A trial and a selection have a Job each. */
export function restoreController(): ControllerOptions {
  return {
    name: 'notejamrestore',
    primary: { resource: notejamRestores, indexes: restoreIndexes },
    sources: [
      source({ resource: notejamInstances, map: runs.concerned }),
      source({ resource: notejamBackupStores, map: 'none' }),
      source({ resource: notejamBackups, map: 'none', indexes: backupIndexes }),
      source<Job>({
        resource: resources.jobs,
        labelSelector: managedBySelector,
        map: (job, cache) => dataJobInstance(job).flatMap((instance) => runs.unfinished(cache, instance)),
        indexes: { ...childIndexes(resources.jobs), ...dataJobIndexes },
      }),
      source<Pod>({
        resource: resources.pods,
        labelSelector: managedBySelector,
        map: (pod, cache) =>
          pod.metadata.labels?.['app.kubernetes.io/component'] === 'backup'
            ? instanceOf(pod).flatMap((name) => runs.unfinished(cache, keyToString({ namespace: pod.metadata.namespace ?? '', name })))
            : [],
        indexes: { [podsByInstance]: (pod) => instanceOf(pod).map((name) => `${pod.metadata.namespace ?? ''}/${name}`) },
      }),
    ],
    access,
    reconcile: reconcileRestore,
  }
}

async function reconcileRestore(request: ObjectKey, context: ReconcileContext): Promise<Result> {
  const restore = context.cache.get<NotejamRestore>(notejamRestores, request)
  if (restore === undefined || restore.metadata.deletionTimestamp !== undefined) return done
  if (hasEnded(restore.status)) {
    await deleteOutlived(restore, context)
    return done
  }
  const { input, job, ...observation } = await observe(restore, context)
  const plan = planRestore(observation)
  try {
    if (plan.job === 'Create') await report(restore, plan.status, context)
    if (plan.job === 'Delete' && job !== undefined) await context.applier.delete(resources.jobs, job, restore)
    if (plan.job === 'Create' && input !== undefined) await createJob(restore, input, context)
    if (plan.job !== 'Create') await report(restore, plan.status, context)
  } catch (error) {
    if (isNamespaceTerminating(error)) return done
    throw error
  }
  return hasEnded(plan.status) ? done : after(lookSeconds)
}

/** The Job of a restore that has ended goes with the instance: its pod would keep the volume. */
async function deleteOutlived(restore: NotejamRestore, { cache, applier }: ReconcileContext): Promise<void> {
  const { metadata, spec } = restore
  const key = { namespace: metadata.namespace ?? '', name: spec.instanceRef.name }
  if (cache.get(notejamInstances, key) !== undefined) return
  for (const job of cache.controlledBy<Job>(resources.jobs, metadata.uid ?? '')) await applier.delete(resources.jobs, job, restore)
}

/** What the server refuses is tried again until the deadline, which ends the run. */
async function createJob(restore: NotejamRestore, input: RecoverJobInput, { applier, log }: ReconcileContext): Promise<void> {
  const desired = restore.spec.mode === 'Select' ? buildRecoverJob(input) : buildVerifyJob(input)
  try {
    await applier.apply({ resource: resources.jobs, desired, owner: restore, createOnly: true })
  } catch (error) {
    if (!isRefused(error)) throw error
    log.warn({ refusal: error.message }, 'The Job of a restore was refused')
  }
}

interface Seen extends RestoreObservation {
  readonly job: Job | undefined
  /** What the Job of a trial restore or a selection is made of; undefined while something of it is missing. */
  readonly input: RecoverJobInput | undefined
}

async function observe(restore: NotejamRestore, context: ReconcileContext): Promise<Seen> {
  const { cache, clock } = context
  const { namespace = '', uid = '' } = restore.metadata
  const key = { namespace, name: restore.spec.instanceRef.name }
  const found = cache.get<NotejamInstance>(notejamInstances, key)
  const instance = found?.metadata.deletionTimestamp === undefined ? found : undefined
  const id = restoreID(uid)
  const [job] = cache.controlledBy<Job>(resources.jobs, uid)
  const pods = cache.byIndex<Pod>(resources.pods, podsByInstance, keyToString(key))
  const { operation, lastRestore } = instance?.status ?? {}
  const base = {
    ...{ restore, job, hasInstance: instance !== undefined, now: clock.now() },
    operation: operation?.id === id ? operation : undefined,
    last: lastRestore?.uid === uid ? lastRestore : undefined,
    safetyBackupID: instance === undefined ? undefined : safetyBackup(instance, id, cache),
    run: readRun(
      job,
      pods.filter((pod) => controllerOf(pod)?.uid === job?.metadata.uid),
      restore.spec.mode === 'Select' ? 'recover' : 'verify',
    ),
  }
  if (instance === undefined) return { ...base, waitsFor: undefined, input: undefined }
  const prepared = await prepare(instance, restore, pods, context)
  if (typeof prepared === 'string') return { ...base, waitsFor: prepared, lacks: !isPaused(instance), input: undefined }
  return { ...base, waitsFor: waits[restore.spec.mode](instance, restore, context), input: prepared }
}

function safetyBackup(instance: NotejamInstance, id: string, cache: CacheReader): string | undefined {
  const key = { namespace: instance.metadata.namespace ?? '', name: operationBackupName(instance, id) }
  return cache.get<NotejamBackup>(notejamBackups, key)?.status?.backupID
}

/** Gathers what a Job is made of, or says what is missing. */
async function prepare(
  instance: NotejamInstance,
  restore: NotejamRestore,
  pods: readonly Pod[],
  context: ReconcileContext,
): Promise<RecoverJobInput | string> {
  if (instance.spec.backup === undefined) return `NotejamInstance ${instance.metadata.name} has no spec.backup.storeRef`
  const release = instance.status?.release?.current
  if (release === undefined) return 'The instance has no release yet'
  const { stores, problems } = await readStores(instance, context)
  if (stores === undefined) return problems[0]?.message ?? 'A store is missing'
  const from = findSource(restore, stores, context)
  if (from === undefined) return `NotejamBackupStore ${restore.spec.source.storeRef?.name ?? ''} is not there`
  if (from.spec.encryption.mode !== 'None' && from.spec.encryption.identitySecretRef === undefined)
    return `NotejamBackupStore ${from.name} has no encryption.identitySecretRef, so its archives cannot be read here`
  if (restore.spec.mode !== 'InPlace' && instance.spec.database.type !== 'SQLite' && instance.spec.backup.verification === undefined)
    return 'spec.backup.verification.serverImage of the instance is needed for a throw-away server'
  const policy = effectivePolicy(instance.spec)
  const secrets = await readSecrets({ ...context, instance, policy, now: context.clock.now(), randomKey: undefined })
  if (secrets.connection === undefined || secrets.problems.length > 0) return secrets.problems[0]?.message ?? 'A Secret is missing'
  const { connection } = secrets
  const image = deployOf(release).image
  const besideApp = restore.spec.mode === 'Select' && isBesideApp(connection.type, pods)
  return { instance, policy, connection, restore, source: from, archive: archiveOf(restore), stores, image, besideApp }
}

const waits = { InPlace: findWait, Verify: () => undefined, Select: findSelectionWait } as const

/** A selection writes beside an app that serves, so it waits for operations alone; a release that waits for a person does not hold it up. */
function findSelectionWait(instance: NotejamInstance, _restore: NotejamRestore, context: ReconcileContext): string | undefined {
  const { operation } = instance.status ?? {}
  const { type, external } = instance.spec.database
  if (isPaused(instance)) return `NotejamInstance ${instance.metadata.name} is paused`
  const { reason } = readHibernation(instance.spec, context.clock.now())
  if (reason !== undefined && type !== 'SQLite' && external === undefined) return `${reason}, and its database with it`
  if (operation !== undefined) return `Operation ${operation.id} of the instance is under way (${operation.step})`
  const first = restoresInPlace(instance, context).find(({ status }) => !hasEnded(status))
  return first === undefined ? undefined : `NotejamRestore ${first.metadata.name} replaces the data first`
}

/** One operation at a time: restores in the order in which they were asked for, after what is under way. */
function findWait(instance: NotejamInstance, restore: NotejamRestore, context: ReconcileContext): string | undefined {
  const { operation } = instance.status ?? {}
  if (isPaused(instance)) return `NotejamInstance ${instance.metadata.name} is paused`
  const { reason } = readHibernation(instance.spec, context.clock.now())
  if (reason !== undefined) return `NotejamInstance ${instance.metadata.name} sleeps: ${reason}`
  if (operation !== undefined) return `Operation ${operation.id} of the instance is under way (${operation.step})`
  const stalled = findCondition(instance.status?.conditions, 'Stalled')
  if (stalled?.status === 'True') return `NotejamInstance ${instance.metadata.name} waits for a person: ${stalled.message}`
  const first = restoresInPlace(instance, context).find(({ status }) => !hasEnded(status))
  return first === undefined || first.metadata.uid === restore.metadata.uid
    ? undefined
    : `NotejamRestore ${first.metadata.name} came before it`
}

async function report(restore: NotejamRestore, status: RestoreStatus, context: ReconcileContext): Promise<void> {
  tellEnd(restore, status, context)
  await writeStatus(context.client, notejamRestores, restore, status, { fieldManager: statusFieldManager, signal: context.signal })
}

/** Tells the end once. */
function tellEnd(restore: NotejamRestore, status: RestoreStatus, { recorder }: ReconcileContext): void {
  if (!hasEnded(status)) return
  const state = findCondition(status.conditions, 'Succeeded')
  const isGood = state?.status === 'True'
  const note = `${state?.reason ?? ''}: ${state?.message ?? ''}`
  const regarding: KubeObject = restore
  recorder.event(regarding, {
    type: isGood ? 'Normal' : 'Warning',
    reason: isGood ? 'RestoreSucceeded' : 'RestoreFailed',
    action: 'Restore',
    note,
  })
}
