import { z } from 'zod'
import { backupIdTime } from './backup-id.ts'

/** What a reader may take for a manifest: a longer one is broken or not ours. */
export const maxManifestBytes = 1024 * 1024

/** Why a backup was taken. */
export const backupReasons = ['Scheduled', 'PreMigration', 'PreRestore', 'OnDemand', 'Masked'] as const
/** One of {@link backupReasons}. */
export type BackupReason = (typeof backupReasons)[number]

const bytes = z.int().min(0)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const time = z.iso.datetime()

const storedObject = z.object({
  /** As in the backup's folder, such as `data.age`. */
  name: z.string().regex(/^[a-z][a-z0-9.-]{0,60}$/),
  sizeBytes: bytes,
  /** Of the object as it is stored. */
  sha256,
})

const table = z.object({
  name: z.string().min(1).max(128),
  rows: z.int().min(0),
  /** Of the content, whatever the order of the rows. */
  hash: z.string().min(1).max(200),
})

const manifestSchema = z.object({
  /** Raised when a reader of this version could not understand an archive any more. */
  formatVersion: z.literal(1),
  backupID: z.string().refine((id) => backupIdTime(id) !== undefined, 'is not the name of a backup'),
  /** Of the NotejamBackup that asked for it; a scheduled one has its Job's. */
  uid: z.string().max(100).optional(),
  reason: z.enum(backupReasons),
  instance: z.object({
    namespace: z.string().min(1).max(63),
    name: z.string().min(1).max(63),
    uid: z.string().min(1).max(100),
    environment: z.string().max(40).optional(),
    /** As the instance was declared; what a rebuild from the bucket alone begins with. */
    spec: z.json().optional(),
  }),
  engine: z.enum(['sqlite', 'postgres', 'mysql']),
  engineVersion: z.string().max(200),
  /** The schema of the server that the tables were in; PostgreSQL only. */
  databaseSchema: z.string().max(63).optional(),
  schemaVersion: z.int().min(0),
  /** The image that took it, with its digest. */
  image: z.string().max(500).optional(),
  /** Of Notejam. */
  version: z.string().max(100),
  startTime: time,
  completionTime: time,
  encryption: z.enum(['Age', 'None']),
  /** Public keys; any one of their private halves opens the archive. */
  recipients: z.array(z.string().max(200)).max(50),
  compression: z.enum(['zstd', 'gzip', 'None']),
  /** What the data is, once it is decrypted and decompressed. */
  format: z.enum(['pg_dump-custom', 'pg_dump-plain', 'mariadb-dump', 'sqlite']),
  /** The data and, where there is one, the app's secret. */
  objects: z.array(storedObject).min(1).max(10),
  /** Of the data before compression and encryption. */
  content: z.object({ sizeBytes: bytes, sha256 }),
  tables: z.array(table).max(1000),
})

/** What a backup says of itself. Written last: a folder without one is no backup. Holds no secret in the clear. */
export type Manifest = z.output<typeof manifestSchema>

/** A manifest read back, or what is wrong with it. */
export type ParsedManifest =
  | { readonly manifest: Manifest; readonly problem?: undefined }
  | { readonly manifest?: undefined; readonly problem: string }

/** Reads the text of a manifest. What is wrong is an answer and no exception: one broken archive must not hide the others. */
export function parseManifest(text: string): ParsedManifest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { problem: 'it is not JSON' }
  }
  const parsed = manifestSchema.safeParse(value)
  if (parsed.success) {
    return { manifest: parsed.data }
  }
  const [issue] = parsed.error.issues
  return { problem: `${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'is not a manifest'}` }
}

/**
 * The text that is stored.
 *
 * @throws Error for a manifest that nobody could read back: better no backup than one that only seems to be one
 */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifestSchema.parse(manifest), undefined, 2)}\n`
}

/** Bytes of all objects of a backup. */
export function archiveBytes({ objects }: Manifest): number {
  return objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

/** Rows of all tables of a backup. */
export function archiveRows({ tables }: Manifest): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0)
}
