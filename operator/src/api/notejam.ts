import type { NotejamBackup as GeneratedBackup } from './notejam-backup.gen.ts'
import type { NotejamBackupStore as GeneratedBackupStore } from './notejam-backup-store.gen.ts'
import type { NotejamInstance as GeneratedInstance } from './notejam-instance.gen.ts'
import type { NotejamRestore as GeneratedRestore } from './notejam-restore.gen.ts'
import type { Immutable } from './objects.ts'

/** Group of every kind of ours. */
export const apiGroup = 'notejam.io'

/** Version that is served and stored. */
export const apiVersion = `${apiGroup}/v1`

/** One running Notejam, as the API server hands it out; crds/ is the source of its fields. */
export type NotejamInstance = Immutable<GeneratedInstance>

/** What is wanted of an instance. */
export type InstanceSpec = NotejamInstance['spec']

/** What was found of an instance. */
export type InstanceStatus = NonNullable<NotejamInstance['status']>

/** Releases of an instance: what runs, what is under way, what came before. */
export type ReleaseStatus = NonNullable<InstanceStatus['release']>

/** A release that runs or is under way. */
export type Release = NonNullable<ReleaseStatus['current']>

/** A release that ended. */
export type PastRelease = NonNullable<ReleaseStatus['history']>[number]

/** An image that is not tried again. */
export type RejectedImage = NonNullable<ReleaseStatus['rejected']>[number]

/** The write-ahead journal: what is being done. */
export type Operation = NonNullable<InstanceStatus['operation']>

/** The mark in an instance's database. */
export type DatabaseIdentity = NonNullable<InstanceStatus['databaseIdentity']>

/** An image that an instance was upgraded to, and whose pages were tried afterwards. */
export type VerifiedImage = NonNullable<InstanceStatus['verifiedImages']>[number]

/** What an instance is for. */
export type Environment = InstanceSpec['environment']

/** A place for archives, as the API server hands it out. */
export type NotejamBackupStore = Immutable<GeneratedBackupStore>

/** Where archives go and who can read them. */
export type BackupStoreSpec = NotejamBackupStore['spec']

/** One backup of an instance, as the API server hands it out. */
export type NotejamBackup = Immutable<GeneratedBackup>

/** What a backup came to. */
export type BackupStatus = NonNullable<NotejamBackup['status']>

/** What is known of an instance's backups. */
export type InstanceBackupStatus = NonNullable<InstanceStatus['backup']>

/** One restore of an instance's data, as the API server hands it out. */
export type NotejamRestore = Immutable<GeneratedRestore>

/** How far a restore is, and what it came to. */
export type RestoreStatus = NonNullable<NotejamRestore['status']>

/** What the newest restore in place came to. */
export type LastRestore = NonNullable<InstanceStatus['lastRestore']>
