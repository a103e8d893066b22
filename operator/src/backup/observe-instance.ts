import type { NotejamBackup, NotejamInstance, NotejamRestore } from '../api/notejam.ts'
import type { Job, Pod } from '../api/objects.ts'
import type { SecretsState } from '../instance/secrets.ts'
import type { BackupState, RestoreRequest, Stall } from '../instance/release/types.ts'
import { controllerOf, keyToString, type KubeObject } from '../kube/object.ts'
import { resources } from '../kube/resource.ts'
import type { CacheReader } from '../runtime/cache.ts'
import { findCondition } from '../runtime/conditions.ts'
import type { ReconcileContext } from '../runtime/reconciler.ts'
import { backupsByInstance, dataJobsByInstance } from './backup-indexes.ts'
import { hasEnded } from './backup-planner.ts'
import { dataSince } from './data-since.ts'
import { summariseBackups, type BackupSummary, type PastRun } from './instance-planner.ts'
import { archiveOf } from './failed-verification.ts'
import { notejamBackups, notejamRestores } from './kinds.ts'
import { isReadable } from './is-readable.ts'
import { readMaskedCopies } from './masked-copies.ts'
import { observeSeed } from './observe-seed.ts'
import { canRehearse } from './rehearsal.ts'
import { runAnnotation, type InstanceStores } from './resources/data-pod.ts'
import { copyAnnotation, type MaskTarget } from './resources/mask-cron-job.ts'
import type { SeedSource } from './resources/seed-job.ts'
import { observeBootstrap, observeRestore, type RestoreInput } from './observe-restore.ts'
import { operationBackupName } from './resources/names.ts'
import { finishedAt, isOver, readRun } from './run-state.ts'
import { readStores } from './stores.ts'

/** What a pass over an instance knows of its backups. */
export interface BackupsSeen {
  /** Undefined while one cannot be used, or none is asked for. */
  readonly stores: InstanceStores | undefined
  readonly problems: readonly Stall[]
  /** The backup of the operation under way. */
  readonly requested: BackupState
  /** Whether the migration of an upgrade can be tried on an archive; a text says why not. */
  readonly rehearsal: true | string
  /** The restore in place whose turn it is; undefined while none can begin. */
  readonly requestedRestore: RestoreRequest | undefined
  /** What the Job of the restore under way is made of; undefined while something of it is missing. */
  readonly restore: RestoreInput | undefined
  /** Where the masked copy is that the release under way begins with; undefined where it needs none, or something of it is missing. */
  readonly seed: SeedSource | undefined
  /** Masked copies that can be made. */
  readonly copies: readonly MaskTarget[]
  /** What reads the database now; undefined when nothing does. */
  readonly running: string | undefined
  /** Why no scheduled run begins; undefined where they do. */
  readonly suspended: string | undefined
  /** Archives that a NotejamBackup holds. */
  readonly holds: readonly string[]
  /** Archives that one held and does not any more. */
  readonly released: readonly string[]
  readonly summary: BackupSummary
  /** Jobs of the schedule that are long past their deadline: their node is away, and they would keep the next ones from beginning. */
  readonly stuck: readonly Job[]
  /** NotejamBackups that the operator made and nobody needs any more. */
  readonly outdated: readonly NotejamBackup[]
}

/** Steps of an operation in which the data is replaced, so that no scheduled run begins. */
const replacingSteps = new Set(['Stopping', 'Wiping', 'Restoring'])
/** How long after its deadline a Job counts as stuck. */
const stuckAfterMs = 60_000
/** NotejamBackups of the operator's own that are kept; the archives are not touched. */
const keptBackups = 5

/** Gathers a {@link BackupsSeen}. */
export async function observeBackups(
  instance: NotejamInstance,
  asleep: string | undefined,
  pods: readonly Pod[],
  secrets: SecretsState,
  context: ReconcileContext,
): Promise<BackupsSeen> {
  const { cache } = context
  const now = context.clock.now()
  const { metadata, spec, status } = instance
  const key = keyToString({ namespace: metadata.namespace ?? '', name: metadata.name })
  const backups = cache
    .byIndex<NotejamBackup>(notejamBackups, backupsByInstance, key)
    .filter(({ metadata: { creationTimestamp = '' } }) => creationTimestamp >= (metadata.creationTimestamp ?? ''))
  const jobs = cache.byIndex<Job>(resources.jobs, dataJobsByInstance, key)
  const { stores, problems } = await readStores(instance, context)
  const bootstrap = observeBootstrap(instance, secrets, context)
  const seed = await observeSeed(instance, context)
  const { copies, unfit } = await readMaskedCopies(instance, stores, context)
  const suspended = whySuspended(instance, asleep)
  const summary = summariseBackups({
    spec,
    uid: metadata.uid ?? '',
    generation: metadata.generation ?? 0,
    before: status?.backup,
    runs: jobs.flatMap((job) => pastRun(job, pods, cache)),
    backups,
    suspended,
    since: dataSince(instance),
    readable: stores === undefined ? undefined : isReadable(stores),
    unfitCopies: unfit,
    now,
  })
  const schedule: Stall[] = summary.invalid === undefined ? [] : [{ reason: 'InvalidSchedule', message: summary.invalid }]
  const active = activeJobs(jobs, 'backup')
  const isStuck = (job: Job) => isScheduled(job) && isPast(job, now)
  return {
    stores,
    problems: [...problems, ...schedule, ...problemOf(bootstrap), ...problemOf(seed)],
    requested: findRequested(instance, backups),
    rehearsal: canRehearse(instance, stores),
    ...observeRestore(instance, stores, context),
    ...(bootstrap !== undefined && 'restore' in bootstrap ? { requestedRestore: undefined, restore: bootstrap.restore } : {}),
    seed: seed !== undefined && 'source' in seed ? seed.source : undefined,
    copies,
    running: active
      .filter((job) => !isStuck(job) && !isReported(job, backups))
      .map(({ metadata: { name } }) => `Job ${name} backs the data up`)[0],
    suspended,
    holds: idsOf(backups.filter(({ spec: { retention } }) => retention === 'Hold')),
    // Nothing of a backup can change but its retention, so a second generation that does not hold was let go.
    released: idsOf(backups.filter(({ spec: { retention }, metadata: { generation = 1 } }) => retention !== 'Hold' && generation > 1)),
    summary,
    stuck: [...active, ...activeJobs(jobs, 'mask')].filter(isStuck),
    outdated: findOutdated(instance, backups),
  }
}

function problemOf(seen: object | undefined): readonly Stall[] {
  return seen !== undefined && 'problem' in seen ? [seen.problem as Stall] : []
}

function activeJobs(jobs: readonly Job[], run: string): readonly Job[] {
  return jobs.filter((job) => job.metadata.annotations?.[runAnnotation] === run && !isOver(job))
}

function idsOf(backups: readonly NotejamBackup[]): readonly string[] {
  return backups.flatMap(({ status }) => status?.backupID ?? []).toSorted()
}

function whySuspended({ status }: NotejamInstance, asleep: string | undefined): string | undefined {
  if (asleep !== undefined) return asleep
  const { operation } = status ?? {}
  if (operation === undefined || !replacingSteps.has(operation.step)) return undefined
  return `Operation ${operation.id} replaces the data (${operation.step})`
}

function isScheduled(job: Job): boolean {
  return controllerOf(job)?.kind === 'CronJob'
}

/** Whether its backup has said its end: then only the Job's own end is not written yet. */
function isReported(job: Job, backups: readonly NotejamBackup[]): boolean {
  const owner = controllerOf(job)
  return backups.some(({ metadata, status }) => metadata.uid === owner?.uid && hasEnded(status))
}

function isPast({ spec, status }: Job, now: number): boolean {
  if (status?.startTime === undefined || spec.activeDeadlineSeconds === undefined) return false
  return now > Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 + stuckAfterMs
}

/** The archive that a person wants to be tried. */
function askedArchive(job: Job, cache: CacheReader): string | undefined {
  const key = { namespace: job.metadata.namespace ?? '', name: controllerOf(job)?.name ?? '' }
  return cache.get<NotejamRestore>(notejamRestores, key)?.spec.source.backupID
}

function pastRun(job: Job, pods: readonly Pod[], cache: CacheReader): readonly PastRun[] {
  const kind = job.metadata.annotations?.[runAnnotation]
  const time = finishedAt(job)
  // A trial restore counts whoever asked for it; a backup by hand has a NotejamBackup to say what came of it.
  if (time === undefined || !(kind === 'verify' || kind === 'mask' || (kind === 'backup' && isScheduled(job)))) return []
  const own = pods.filter((pod) => controllerOf(pod)?.uid === job.metadata.uid)
  const copy = job.metadata.annotations?.[copyAnnotation]
  const run = readRun(job, own, kind)
  const backupID = kind === 'verify' ? archiveOf(run, askedArchive(job, cache)) : undefined
  return [{ kind, copy, finishedAt: time, backupID, run, prune: readRun(job, own, 'prune') }]
}

/** The backup that the operation under way has asked for, as its condition says. */
function findRequested(instance: NotejamInstance, backups: readonly NotejamBackup[]): BackupState {
  const { spec, status, metadata } = instance
  if (spec.backup === undefined) return { type: 'Unavailable' }
  const name = status?.operation === undefined ? undefined : operationBackupName(instance, status.operation.id)
  const backup = backups.find((candidate) => candidate.metadata.name === name && isOwnedBy(candidate, metadata.uid))
  const state = findCondition(backup?.status?.conditions, 'Succeeded')
  if (backup === undefined) return { type: 'Absent' }
  if (state?.status === 'True') {
    const { backupID } = backup.status ?? {}
    return { type: 'Succeeded', ...(backupID === undefined ? {} : { backupID }) }
  }
  if (state?.status === 'False') return { type: 'Failed', message: `NotejamBackup ${backup.metadata.name}: ${state.message}` }
  return { type: 'Running' }
}

function isOwnedBy(object: KubeObject, uid: string | undefined): boolean {
  return controllerOf(object)?.uid === uid
}

function findOutdated({ metadata, status }: NotejamInstance, backups: readonly NotejamBackup[]): readonly NotejamBackup[] {
  const own = backups.filter((backup) => isOwnedBy(backup, metadata.uid) && hasEnded(backup.status) && backup.spec.retention !== 'Hold')
  const current = status?.operation === undefined ? undefined : operationBackupName({ metadata }, status.operation.id)
  return own
    .toSorted((a, b) => (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''))
    .slice(keptBackups)
    .filter((backup) => backup.metadata.name !== current)
}
