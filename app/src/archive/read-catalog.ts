import { ObjectNotFoundError } from '../errors.ts'
import { describeArchive, sortListing, type ArchiveFolder, type ArchiveListing, type CatalogEntry } from './catalog.ts'
import { objectNames, ownerPrefix, type ArchiveOwner } from './layout.ts'
import { maxManifestBytes } from './manifest.ts'
import type { Store, StoredObject } from './stores/store.ts'
import { maxVerificationBytes, parseVerification, type Verification } from './verification.ts'

/** Requests that are under way at once: three years of daily archives are read in seconds. */
const atOnce = 8

/** Lists all archives of an instance. @throws {@link StoreUnavailableError} unless the listing is complete */
export async function listArchives(store: Store, owner: ArchiveOwner): Promise<ArchiveListing> {
  const objects: StoredObject[] = []
  for await (const object of store.list(ownerPrefix(owner))) {
    objects.push(object)
  }
  return sortListing(owner, objects)
}

/** Reads the manifests and records of some archives, in their order. @throws {@link StoreUnavailableError} when the store fails, not for a broken manifest */
export async function readEntries(store: Store, folders: readonly ArchiveFolder[]): Promise<readonly CatalogEntry[]> {
  const entries: CatalogEntry[] = []
  for (let at = 0; at < folders.length; at += atOnce) {
    const read = await Promise.all(folders.slice(at, at + atOnce).map((folder) => readEntry(store, folder)))
    entries.push(...read.filter((entry) => entry !== undefined))
  }
  return entries
}

/** Undefined for one that was removed since it was listed. */
async function readEntry(store: Store, folder: ArchiveFolder): Promise<CatalogEntry | undefined> {
  const manifest = folder.objects.get(objectNames.manifest)
  if (manifest === undefined) {
    return undefined
  }
  if (manifest.size > maxManifestBytes) {
    return describeArchive(folder, '', undefined)
  }
  try {
    const [text, verification] = await Promise.all([store.readText(manifest.key, maxManifestBytes), readVerification(store, folder)])
    return describeArchive(folder, text, verification)
  } catch (error) {
    if (error instanceof ObjectNotFoundError) {
      return undefined
    }
    throw error
  }
}

/** How the trial restore of an archive ended, where there was one. */
async function readVerification(store: Store, folder: ArchiveFolder): Promise<Verification | undefined> {
  const record = folder.objects.get(objectNames.verification)
  if (record === undefined || record.size > maxVerificationBytes) {
    return undefined
  }
  try {
    return parseVerification(await store.readText(record.key, maxVerificationBytes))
  } catch (error) {
    if (error instanceof ObjectNotFoundError) {
      return undefined
    }
    throw error
  }
}

/** When the newest archive that passed its trial restore began. */
export async function newestVerified(store: Store, { complete }: ArchiveListing): Promise<Date | undefined> {
  for (const folder of complete) {
    const verification = await readVerification(store, folder)
    if (verification?.outcome === 'Verified' && verification.backupID === folder.backupId) {
      return folder.startTime
    }
  }
  return undefined
}
