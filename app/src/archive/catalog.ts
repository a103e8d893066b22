import { backupIdTime } from './backup-id.ts'
import { erasedKey, objectNames, ownerPrefix, type ArchiveOwner } from './layout.ts'
import { parseManifest, type Manifest } from './manifest.ts'
import type { StoredObject } from './stores/store.ts'
import type { Verification } from './verification.ts'

/** What lies in a folder that is named as a backup is. */
export interface ArchiveFolder {
  readonly backupId: string
  /** When the backup began, as its name says. */
  readonly startTime: Date
  /** By name within the folder. */
  readonly objects: ReadonlyMap<string, StoredObject>
  readonly sizeBytes: number
  /** When the last of its objects was written, by the clock of the store. */
  readonly lastModified: Date
}

/** What a complete listing of an instance's archives says. */
export interface ArchiveListing {
  /** Folders with a manifest, newest first. */
  readonly complete: readonly ArchiveFolder[]
  /** Folders without one: a backup that is running, or one that was cut off; newest first. */
  readonly incomplete: readonly ArchiveFolder[]
  /** Keys under the instance's prefix that no backup of ours has. */
  readonly foreign: readonly string[]
  /** Bytes of all of ours. */
  readonly usageBytes: number
}

/** An archive with what was read of it. */
export interface CatalogEntry {
  readonly folder: ArchiveFolder
  readonly held: boolean
  readonly verification: Verification | undefined
  /** Undefined when there is a `problem`. */
  readonly manifest: Manifest | undefined
  /** Why it cannot be restored; undefined as far as a listing can tell. */
  readonly problem: string | undefined
}

const ours = new Set<string>(Object.values(objectNames))

/** Whether a name in a backup's folder is one that we write. */
export function isOurs(name: string): boolean {
  return ours.has(name)
}

/** Sorts a complete listing under {@link ownerPrefix} into backups, what is left of cut off ones, and what is not ours. */
export function sortListing(owner: ArchiveOwner, objects: Iterable<StoredObject>): ArchiveListing {
  const prefix = ownerPrefix(owner)
  const erased = erasedKey(owner)
  const folders = new Map<string, { readonly startTime: Date; readonly objects: Map<string, StoredObject> }>()
  const foreign: string[] = []
  let usageBytes = 0
  for (const object of objects) {
    const [backupId = '', name = '', ...deeper] = object.key.slice(prefix.length).split('/')
    const startTime = backupIdTime(backupId)
    if (startTime !== undefined && deeper.length === 0 && isOurs(name)) {
      const folder = folders.get(backupId) ?? { startTime, objects: new Map<string, StoredObject>() }
      folder.objects.set(name, object)
      folders.set(backupId, folder)
    } else if (object.key !== erased) {
      foreign.push(object.key)
      continue
    }
    usageBytes += object.size
  }
  const all = [...folders]
    .map(([backupId, folder]) => describeFolder(backupId, folder.startTime, folder.objects))
    .toSorted((a, b) => (a.backupId < b.backupId ? 1 : -1))
  return {
    complete: all.filter((folder) => folder.objects.has(objectNames.manifest)),
    incomplete: all.filter((folder) => !folder.objects.has(objectNames.manifest)),
    foreign,
    usageBytes,
  }
}

function describeFolder(backupId: string, startTime: Date, objects: ReadonlyMap<string, StoredObject>): ArchiveFolder {
  const all = [...objects.values()]
  return {
    backupId,
    startTime,
    objects,
    sizeBytes: all.reduce((sum, { size }) => sum + size, 0),
    lastModified: new Date(Math.max(...all.map(({ modified }) => modified.getTime()))),
  }
}

/** Compares a manifest with the folder that it lies in. A broken one is named and hides no other. */
export function describeArchive(folder: ArchiveFolder, text: string, verification: Verification | undefined): CatalogEntry {
  const { manifest, problem } = parseManifest(text)
  const found = problem ?? mismatch(folder, manifest)
  const held = folder.objects.has(objectNames.hold)
  // A record that was copied here from another backup proves nothing of this one.
  const own = verification?.backupID === folder.backupId ? verification : undefined
  return { folder, held, verification: own, manifest: found === undefined ? manifest : undefined, problem: found }
}

function mismatch(folder: ArchiveFolder, manifest: Manifest): string | undefined {
  if (manifest.backupID !== folder.backupId) {
    return `the manifest is that of ${manifest.backupID}`
  }
  for (const { name, sizeBytes } of manifest.objects) {
    const object = folder.objects.get(name)
    if (object === undefined) {
      return `${name} is not there`
    }
    if (object.size !== sizeBytes) {
      return `${name} has ${object.size} bytes instead of ${sizeBytes}`
    }
  }
  return undefined
}
