import { backupIdTime } from '../archive/backup-id.ts'
import { archiveKey, objectNames, ownerPrefix, type ArchiveOwner } from '../archive/layout.ts'
import { maxManifestBytes, parseManifest, type Manifest } from '../archive/manifest.ts'
import type { Store } from '../archive/stores/store.ts'
import { maxVerificationBytes, parseVerification } from '../archive/verification.ts'
import { AppError, exitCodes, ObjectNotFoundError } from '../errors.ts'
import { damaged } from './compare-sums.ts'

/** Where archives are looked for. */
export interface ArchiveSource {
  readonly namespace: string
  readonly instance: string
  /** Undefined: any instance that had this name. */
  readonly instanceUid: string | undefined
}

/** Which archive is wanted. */
export type ArchiveChoice =
  | { readonly kind: 'id'; readonly backupId: string }
  | { readonly kind: 'latest' }
  /** The newest that began at this time or before. */
  | { readonly kind: 'notAfter'; readonly time: Date }

/** An archive that was found, and what it says of itself. */
export interface FoundArchive {
  readonly owner: ArchiveOwner
  readonly manifest: Manifest
}

/** A folder with a manifest. */
interface Candidate {
  readonly owner: ArchiveOwner
  readonly backupId: string
  readonly time: Date
}

/** Options of {@link findArchive}. */
export interface FindOptions {
  readonly store: Store
  readonly source: ArchiveSource
  readonly choice: ArchiveChoice
  /** Passes over archives whose trial restore failed, unless one is named: true for all that will use the data. */
  readonly onlyGood: boolean
}

/**
 * Finds an archive and reads its manifest.
 *
 * @throws {@link AppError} `NoSuchBackup`, exit code 1; `ChecksumMismatch`, exit code 8, for a named one whose manifest cannot be read
 */
export async function findArchive({ store, source, choice, onlyGood }: FindOptions): Promise<FoundArchive> {
  const candidates = (await listCandidates(store, source)).filter((candidate) => isChosen(candidate, choice))
  const broken: string[] = []
  for (const candidate of candidates) {
    const { owner, backupId } = candidate
    const { manifest, problem } = parseManifest(await store.readText(archiveKey(owner, backupId, objectNames.manifest), maxManifestBytes))
    if (manifest === undefined || manifest.backupID !== backupId) {
      if (choice.kind === 'id') throw damaged(`the manifest of ${backupId} cannot be read: ${problem ?? 'it is of another backup'}`)
      broken.push(backupId)
    } else if (onlyGood && choice.kind !== 'id' && (await hasFailed(store, candidate))) {
      broken.push(backupId)
    } else {
      return { owner, manifest }
    }
  }
  const passedOver = broken.length === 0 ? '' : `; passed over because they are damaged: ${broken.slice(0, 5).join(', ')}`
  throw new AppError(`${describe(choice)} is not in store ${store.name} for ${source.namespace}/${source.instance}${passedOver}`, {
    code: 'NoSuchBackup',
    exitCode: exitCodes.failed,
  })
}

/** The archive that a NotejamBackup asked for before, among those of the last week. */
export async function findByUid(store: Store, owner: ArchiveOwner, uid: string, now: Date): Promise<Manifest | undefined> {
  const weekMs = 7 * 86_400_000
  const recent = (await listCandidates(store, owner)).filter(({ time }) => time.getTime() > now.getTime() - weekMs)
  for (const { backupId } of recent) {
    const { manifest } = parseManifest(await store.readText(archiveKey(owner, backupId, objectNames.manifest), maxManifestBytes))
    if (manifest?.uid === uid) return manifest
  }
  return undefined
}

/** All archives with a manifest, the newest first. */
async function listCandidates(store: Store, { namespace, instance, instanceUid }: ArchiveSource): Promise<Candidate[]> {
  const prefix = instanceUid === undefined ? `${namespace}/${instance}/` : ownerPrefix({ namespace, instance, instanceUid })
  const found: Candidate[] = []
  for await (const { key } of store.list(prefix)) {
    const [, , uid = '', backupId = '', name, ...more] = key.split('/')
    const time = backupIdTime(backupId)
    if (name === objectNames.manifest && more.length === 0 && time !== undefined) {
      found.push({ owner: { namespace, instance, instanceUid: uid }, backupId, time })
    }
  }
  return found.toSorted((a, b) => (a.backupId < b.backupId ? 1 : -1))
}

function isChosen({ backupId, time }: Candidate, choice: ArchiveChoice): boolean {
  switch (choice.kind) {
    case 'id': {
      return backupId === choice.backupId
    }
    case 'latest': {
      return true
    }
    case 'notAfter': {
      return time <= choice.time
    }
  }
}

function describe(choice: ArchiveChoice): string {
  return choice.kind === 'id'
    ? `backup ${choice.backupId}`
    : choice.kind === 'latest'
      ? 'a backup'
      : `a backup from before ${choice.time.toISOString()}`
}

async function hasFailed(store: Store, { owner, backupId }: Candidate): Promise<boolean> {
  try {
    const text = await store.readText(archiveKey(owner, backupId, objectNames.verification), maxVerificationBytes)
    return parseVerification(text)?.outcome === 'Failed'
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return false
    throw error
  }
}
