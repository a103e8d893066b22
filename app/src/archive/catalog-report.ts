import type { ArchiveListing, CatalogEntry } from './catalog.ts'
import { archiveBytes } from './manifest.ts'

/** What a catalogue is reported from. */
export interface CatalogFacts {
  readonly listing: ArchiveListing
  /** The newest ones, newest first. */
  readonly entries: readonly CatalogEntry[]
  /** When the newest archive that passed its trial restore began. */
  readonly newestVerified: Date | undefined
  /** Bytes that the report may have. */
  readonly maxBytes: number
}

const maxNamed = 5

/** The report of `catalog`: counts of everything, and as many of the newest archives as fit. */
export function catalogReport({ listing, entries, newestVerified, maxBytes }: CatalogFacts) {
  const { complete, incomplete, foreign, usageBytes } = listing
  const broken = entries.flatMap(({ folder, problem }) =>
    problem === undefined ? [] : [{ backupID: folder.backupId, problem: problem.slice(0, 200) }],
  )
  const report = {
    outcome: 'Listed',
    storedCount: complete.length,
    incomplete: incomplete.length,
    usageBytes,
    ...time('oldest', complete.at(-1)?.startTime),
    ...time('newest', complete[0]?.startTime),
    ...time('newestVerified', newestVerified),
    ...(broken.length === 0 ? {} : { brokenCount: broken.length, broken: broken.slice(0, maxNamed) }),
    ...(foreign.length === 0 ? {} : { foreignCount: foreign.length, foreign: foreign.slice(0, maxNamed).map((key) => key.slice(0, 200)) }),
  }
  const backups = entries.map(describe)
  while (backups.length > 0 && Buffer.byteLength(JSON.stringify({ ...report, backups })) > maxBytes) {
    backups.pop()
  }
  return { ...report, backups }
}

function time(name: 'oldest' | 'newest' | 'newestVerified', value: Date | undefined) {
  return value === undefined ? {} : { [name]: value.toISOString() }
}

function describe({ folder, held, manifest, problem, verification }: CatalogEntry) {
  return {
    backupID: folder.backupId,
    ...(manifest?.uid === undefined ? {} : { uid: manifest.uid }),
    time: folder.startTime.toISOString(),
    ...(manifest === undefined
      ? { problem: problem?.slice(0, 200) }
      : {
          reason: manifest.reason,
          completionTime: manifest.completionTime,
          sizeBytes: archiveBytes(manifest),
          schemaVersion: manifest.schemaVersion,
          engine: manifest.engine,
        }),
    held,
    ...(verification === undefined
      ? {}
      : verification.outcome === 'Verified'
        ? { verified: verification.time }
        : { failed: verification.time }),
  }
}
