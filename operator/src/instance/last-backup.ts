import { statusFieldManager } from '../api/labels.ts'
import type { InstanceStatus, NotejamBackup, NotejamInstance } from '../api/notejam.ts'
import type { Job, Pod, StatefulSet } from '../api/objects.ts'
import { notejamBackups } from '../backup/kinds.ts'
import { buildLastBackup, isLastBackup, lastBackupName } from '../backup/resources/last-backup.ts'
import { isOver } from '../backup/run-state.ts'
import { isNamespaceTerminating, isRefused } from '../kube/errors.ts'
import { keyOf, keyToString, type KubeObject } from '../kube/object.ts'
import { resources, type Resource } from '../kube/resource.ts'
import { findCondition, setConditions } from '../runtime/conditions.ts'
import { NameConflict } from '../runtime/errors.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { writeStatus } from '../runtime/write-status.ts'
import { podsByInstance } from './indexes.ts'
import { notejamInstances } from './kinds.ts'
import { restoreForLastBackup } from './last-backup-needs.ts'
import { lastBackupConditions, planLastBackup, type LastBackupObservation, type LastBackupPlan } from './last-backup-planner.ts'
import type { SecretsOptions } from './secrets.ts'

/** Kinds of what writes into the database, or begins what does. */
const writingKinds: readonly Resource[] = [resources.deployments, resources.cronJobs, resources.jobs]
/** Pods of these only read, or are read from. */
const quietComponents = new Set(['backup', 'database'])

/**
 * Takes the last backup of an instance that is being deleted, step by step; the app is stopped first, so that all that was ever written is in it.
 *
 * @returns whether the instance may go: the backup is complete, there was never anything to back up, or the namespace is going away, in which no Job can be made
 */
export async function takeLastBackup(
  instance: NotejamInstance,
  context: ReconcileContext,
  randomKey: NonNullable<SecretsOptions['randomKey']>,
): Promise<boolean> {
  const writers = findWriters(instance, context)
  let plan = planLastBackup(observe(instance, writers, context))
  if (plan.type === 'Finish') return true
  try {
    await restoreForLastBackup(instance, context, randomKey)
    await wakeDatabase(instance, context)
    if (plan.type === 'Stop') for (const { resource, object } of writers) await context.applier.delete(resource, object, instance)
    if (plan.type === 'Create') {
      const intent = { resource: notejamBackups, desired: buildLastBackup(instance), owner: instance, createOnly: true, orphaned: true }
      await context.applier.apply(intent)
    }
  } catch (error) {
    // Everything here goes, whatever is done, and nothing new can be made.
    if (isNamespaceTerminating(error)) {
      context.log.warn({}, 'The namespace is going away, so no last backup can be taken')
      return true
    }
    if (!(error instanceof NameConflict) && !isRefused(error)) throw error
    plan = { type: 'Hold', message: `The last backup could not be made, so nothing is deleted: ${error.message}` }
  }
  await report(instance, plan, context)
  return false
}

interface Writer {
  readonly resource: Resource
  readonly object: KubeObject
}

function findWriters({ metadata }: NotejamInstance, { cache }: ReconcileContext): readonly Writer[] {
  return writingKinds.flatMap((resource) =>
    cache
      .controlledBy(resource, metadata.uid ?? '')
      .filter((object) => object.metadata.deletionTimestamp === undefined && !(resource === resources.jobs && isOver(object as Job)))
      .map((object) => ({ resource, object })),
  )
}

function observe(instance: NotejamInstance, writers: readonly Writer[], { cache, clock }: ReconcileContext): LastBackupObservation {
  const { metadata, status } = instance
  const key = keyOf(instance)
  const backup = cache.get<NotejamBackup>(notejamBackups, { ...key, name: lastBackupName(instance) })
  const pods = cache.byIndex<Pod>(resources.pods, podsByInstance, keyToString(key)).filter(({ metadata: { labels }, status: state }) => {
    const hasEnded = state?.phase === 'Succeeded' || state?.phase === 'Failed'
    return !hasEnded && !quietComponents.has(labels?.['app.kubernetes.io/component'] ?? '')
  })
  return {
    hasData: status?.release?.current !== undefined || status?.databaseIdentity !== undefined || writers.length > 0,
    writers: writers.map(({ object }) => `${object.kind} ${object.metadata.name}`),
    pods: pods.map((pod) => pod.metadata.name),
    backup: backup !== undefined && isLastBackup(backup, instance) ? backup : undefined,
    deletedAt: Date.parse(metadata.deletionTimestamp ?? ''),
    now: clock.now(),
  }
}

/** The server of an instance that sleeps has to be there to be read. */
async function wakeDatabase({ metadata }: NotejamInstance, { cache, client, signal }: ReconcileContext): Promise<void> {
  for (const set of cache.controlledBy<StatefulSet>(resources.statefulSets, metadata.uid ?? '')) {
    if (set.spec.replicas !== 0) continue
    await client.patch(resources.statefulSets, keyOf(set), { spec: { replicas: 1 } }, { type: 'merge', signal })
  }
}

async function report(
  instance: NotejamInstance,
  plan: LastBackupPlan,
  { client, clock, recorder, signal }: ReconcileContext,
): Promise<void> {
  if (plan.type === 'Finish') return
  // What was under way is ended: it holds up no backup.
  const { operation: _ended, ...before } = instance.status ?? {}
  const { generation = 0 } = instance.metadata
  const states = lastBackupConditions(plan, generation)
  const conditions = [...setConditions(before.conditions ?? [], states, clock.now())]
  const status: InstanceStatus = { ...before, observedGeneration: generation, conditions }
  const wasHeld = findCondition(before.conditions, 'Stalled')?.reason === 'LastBackupFailed'
  if (plan.type === 'Hold' && !wasHeld)
    recorder.event(instance, { type: 'Warning', reason: 'Stalled', action: 'Delete', note: `LastBackupFailed: ${plan.message}` })
  await writeStatus(client, notejamInstances, instance, status, { fieldManager: statusFieldManager, signal })
}
