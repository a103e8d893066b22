import { messageOf, ObjectExistsError, StoreUnavailableError } from '../errors.ts'
import { isOurs, type ArchiveFolder, type CatalogEntry } from './catalog.ts'
import { archiveKey, objectNames, type ArchiveOwner } from './layout.ts'
import { listArchives, readEntries } from './read-catalog.ts'
import { planRetention, type RetentionPlan, type RetentionPolicy } from './retention.ts'
import type { Store } from './stores/store.ts'

/** What {@link prune} needs. */
export interface PruneOptions {
  readonly store: Store
  readonly owner: ArchiveOwner
  readonly policy: RetentionPolicy
  readonly now: Date
  /** Backups that are kept until they are let go; marked as held in the store. */
  readonly hold?: readonly string[]
  /** Backups whose hold ends. */
  readonly release?: readonly string[]
  /** Backups that this prune keeps, and leaves no mark of. */
  readonly keep?: readonly string[]
  /** Says what would go, and removes nothing. */
  readonly dryRun?: boolean
  /** Told of each thing that goes, before it goes. */
  readonly onRemove?: (what: 'archive' | 'incomplete', backupId: string) => void
  /** Told what a person should know. */
  readonly onNotice?: (message: string) => void
  readonly signal?: AbortSignal | undefined
  /** For tests. */
  readonly plan?: typeof planRetention
}

/** What a prune found and did. */
export interface PruneResult {
  /** Archives that are there afterwards. */
  readonly kept: number
  readonly deleted: number
  readonly incompleteDeleted: number
  /** Unfinished uploads that were dropped. */
  readonly unfinishedDropped: number
  /** When the oldest archive that is kept began. */
  readonly oldest: Date | undefined
  /** Bytes of what is kept. */
  readonly usageBytes: number
  /** Archives that cannot be restored, with why. */
  readonly broken: readonly { readonly backupID: string; readonly problem: string }[]
  /** Keys that are not ours. */
  readonly foreign: readonly string[]
  readonly withheld: string | undefined
}

const unfinishedMs = 2 * 86_400_000

/**
 * Removes the archives of one instance that its retention does not ask for any more. Plans by a complete listing, looks at each folder once more before
 * it goes, and takes the manifest first: whatever ends a prune half-way leaves a folder without one, which is no backup, and which a later prune takes.
 *
 * @throws {@link StoreUnavailableError} when the listing is not complete (nothing was removed then), or something could not be removed
 */
export async function prune(options: PruneOptions): Promise<PruneResult> {
  const { store, owner, policy, now, dryRun = false, plan: decide = planRetention } = options
  const listing = await listArchives(store, owner)
  const entries = await readEntries(store, listing.complete)
  const held = new Set([...(options.hold ?? []), ...(options.keep ?? [])])
  const released = new Set(options.release)
  if (!dryRun) {
    await markHolds(options, entries)
  }
  const plan = decide({
    policy,
    now,
    archives: entries.map((entry) => ({
      backupId: entry.folder.backupId,
      startTime: entry.folder.startTime,
      storedTime: storedTime(entry.folder),
      reason: entry.manifest?.reason,
      held: held.has(entry.folder.backupId) || (entry.held && !released.has(entry.folder.backupId)),
      verification: entry.verification?.outcome,
    })),
    incomplete: listing.incomplete,
  })
  const gone = await removeAll(options, plan)
  const kept = entries.filter(({ folder }) => !gone.archives.has(folder.backupId))
  return {
    kept: kept.length,
    deleted: gone.archives.size,
    incompleteDeleted: gone.incomplete.size,
    unfinishedDropped: dryRun || plan.withheld !== undefined ? 0 : await dropUnfinished(options, plan.reference),
    oldest: kept.at(-1)?.folder.startTime,
    usageBytes: listing.usageBytes - gone.bytes,
    broken: kept.flatMap(({ folder, problem }) => (problem === undefined ? [] : [{ backupID: folder.backupId, problem }])),
    foreign: listing.foreign,
    withheld: plan.withheld,
  }
}

/** Not every user may look after uploads, nor does every server let one; that is no reason for a prune that is done to fail. */
async function dropUnfinished({ store, onNotice }: PruneOptions, reference: Date): Promise<number> {
  try {
    return await store.dropUnfinished(new Date(reference.getTime() - unfinishedMs))
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) {
      throw error
    }
    onNotice?.(messageOf(error))
    return 0
  }
}

/** By the clock of the store: the manifest is what is written last, and never again. */
function storedTime(folder: ArchiveFolder): Date {
  return folder.objects.get(objectNames.manifest)?.modified ?? folder.lastModified
}

interface Gone {
  readonly archives: ReadonlySet<string>
  readonly incomplete: ReadonlySet<string>
  readonly bytes: number
}

async function removeAll(options: PruneOptions, plan: RetentionPlan): Promise<Gone> {
  const archives = new Set<string>()
  const incomplete = new Set<string>()
  let bytes = 0
  for (const [what, ids, gone] of [
    ['archive', plan.remove, archives],
    ['incomplete', plan.removeIncomplete, incomplete],
  ] as const) {
    for (const backupId of ids) {
      options.signal?.throwIfAborted()
      const removed = await removeFolder(options, what, backupId)
      if (removed !== undefined) {
        gone.add(backupId)
        bytes += removed
      }
    }
  }
  return { archives, incomplete, bytes }
}

/** The bytes that went; undefined when the folder is to stay after all. */
async function removeFolder(options: PruneOptions, what: 'archive' | 'incomplete', backupId: string): Promise<number | undefined> {
  const { store, owner, dryRun = false, release = [] } = options
  const names = new Map<string, number>()
  for await (const { key, size } of store.list(archiveKey(owner, backupId, ''))) {
    names.set(key.slice(key.lastIndexOf('/') + 1), size)
  }
  const heldSince = names.has(objectNames.hold) && !release.includes(backupId)
  const completedSince = what === 'incomplete' && names.has(objectNames.manifest)
  if (heldSince || completedSince) {
    return undefined
  }
  options.onRemove?.(what, backupId)
  // What someone else put there stays where it is.
  const ours = [...names].filter(([name]) => isOurs(name)).toSorted(([a], [b]) => removalRank(a) - removalRank(b))
  if (!dryRun) {
    await store.remove(ours.map(([name]) => archiveKey(owner, backupId, name)))
  }
  return ours.reduce((sum, [, size]) => sum + size, 0)
}

/** The manifest is the first to go: without it nothing looks like a backup. */
function removalRank(name: string): number {
  return name === objectNames.manifest ? 0 : 1
}

/** Marks are kept in the store, so that a cluster that is built anew knows of them. Who may not write there holds by what it is told alone. */
async function markHolds(
  { store, owner, now, hold = [], release = [], onNotice }: PruneOptions,
  entries: readonly CatalogEntry[],
): Promise<void> {
  const marked = (mark: boolean) => new Set(entries.filter(({ held }) => held === mark).map(({ folder }) => folder.backupId))
  const unmarked = marked(false)
  for (const backupId of hold.filter((id) => unmarked.has(id))) {
    try {
      await store.create(archiveKey(owner, backupId, objectNames.hold), `${JSON.stringify({ since: now.toISOString() })}\n`)
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) && !(error instanceof ObjectExistsError)) {
        throw error
      }
      onNotice?.(`the hold of ${backupId} is not marked in the store: ${messageOf(error)}`)
    }
  }
  const ended = release.filter((id) => marked(true).has(id) && !hold.includes(id))
  if (ended.length > 0) {
    await store.remove(ended.map((backupId) => archiveKey(owner, backupId, objectNames.hold)))
  }
}
