import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createBackupId } from '../../app/src/archive/backup-id.ts'
import { archiveKey, objectNames, type ArchiveOwner } from '../../app/src/archive/layout.ts'
import { formatManifest, type Manifest } from '../../app/src/archive/manifest.ts'
import { FolderStore } from '../../app/src/archive/stores/folder-store.ts'
import { createS3Store } from '../../app/src/archive/stores/s3-store.ts'
import type { Store } from '../../app/src/archive/stores/store.ts'
import { formatVerification, type Verification } from '../../app/src/archive/verification.ts'
import type { ObjectStore } from './object-store.ts'

/** Whose archives the samples are. */
export const sampleOwner: ArchiveOwner = {
  namespace: 'notejam-prod',
  instance: 'notes',
  instanceUid: '5f7e0000-0000-4000-8000-000000000001',
}

/** A store whose archives can be made to have been written long ago. */
export interface SampleStore extends AsyncDisposable {
  readonly store: Store
  /** What a command gets to reach it. */
  readonly environment: Readonly<Record<string, string>>
  /** Puts an object there as others do, written at this time. */
  readonly put: (key: string, text: string, time: Date) => Promise<void>
}

/** What a sample archive is like. */
export interface Sample {
  readonly time: Date
  readonly reason?: Manifest['reason']
  readonly verification?: Verification['outcome']
  readonly held?: boolean
  /** Names of objects that are not there. */
  readonly without?: readonly string[]
  /** In the place of a manifest. */
  readonly manifestText?: string
}

/** A folder below one of the machine's own. */
export async function openSampleFolder(): Promise<SampleStore> {
  const path = await mkdtemp(join(tmpdir(), 'notejam-archives-'))
  return {
    store: new FolderStore({ name: 'volume', path, prefix: 'ours' }),
    environment: { STORE_PATH: path, STORE_PREFIX: 'ours', STORE_NAME: 'volume' },
    put: (key, text, time) => putFile(join(path, 'ours', key), text, time),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** A bucket of the server, whose objects are files: their times can be changed as in no bucket of others. */
export async function openSampleBucket(server: ObjectStore): Promise<SampleStore> {
  const s3 = await server.createBucket()
  const store = createS3Store({ name: 'offsite', prefix: 'ours', s3 })
  return {
    store,
    environment: {
      STORE_NAME: 'offsite',
      STORE_PREFIX: 'ours',
      STORE_S3_ENDPOINT: server.endpoint,
      STORE_S3_BUCKET: s3.bucket,
      STORE_S3_ACCESS_KEY_ID: server.credentials.accessKeyId,
      STORE_S3_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    },
    put: async (key, text, time) => {
      await store.replace(key, text)
      await utimes(join(server.folder, s3.bucket, 'ours', key), time, time)
    },
    [Symbol.asyncDispose]: () => store.close(),
  }
}

async function putFile(path: string, text: string, time: Date): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  await utimes(path, time, time)
}

/** Stores an archive as `backup` would have at that time, and returns its name. */
export async function putArchive({ put }: SampleStore, sample: Sample): Promise<string> {
  const { time, held = false, verification, without = [] } = sample
  const backupId = createBackupId(time, createHash('sha256').update(time.toISOString()).digest())
  const data = `data of ${backupId}`
  const objects: Readonly<Record<string, string | undefined>> = {
    [objectNames.encryptedData]: data,
    [objectNames.secret]: 'secret',
    [objectNames.manifest]: sample.manifestText ?? formatManifest(sampleManifest(backupId, data, sample)),
    [objectNames.hold]: held ? '{}' : undefined,
    [objectNames.verification]:
      verification === undefined
        ? undefined
        : formatVerification({ backupID: backupId, outcome: verification, time: time.toISOString(), durationSeconds: 1 }),
  }
  for (const [name, text] of Object.entries(objects)) {
    if (text !== undefined && !without.includes(name))
      await put(archiveKey(sampleOwner, backupId, name), text, new Date(time.getTime() + 60_000))
  }
  return backupId
}

function sampleManifest(backupID: string, data: string, { time, reason = 'Scheduled' }: Sample): Manifest {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  const { namespace, instance, instanceUid } = sampleOwner
  return {
    formatVersion: 1,
    backupID,
    reason,
    instance: { namespace, name: instance, uid: instanceUid },
    engine: 'postgres',
    engineVersion: '17.6',
    schemaVersion: 4,
    version: '0.1.0',
    startTime: time.toISOString(),
    completionTime: new Date(time.getTime() + 60_000).toISOString(),
    encryption: 'Age',
    recipients: ['age1qqqqqqqqqqqqqqqqqqqqqqqq'],
    compression: 'zstd',
    format: 'pg_dump-custom',
    objects: [
      { name: objectNames.encryptedData, sizeBytes: data.length, sha256: sha256(data) },
      { name: objectNames.secret, sizeBytes: 'secret'.length, sha256: sha256('secret') },
    ],
    content: { sizeBytes: data.length, sha256: sha256(data) },
    tables: [{ name: 'notes', rows: 3, hash: 'abc' }],
  }
}
