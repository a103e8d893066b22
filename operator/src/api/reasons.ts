import type { ConditionState } from '../runtime/conditions.ts'

/**
 * Reasons for which a person is needed. Each also is a reason of `Ready=False`, so that `kubectl get notejam` shows it. The text says what it means
 * and what to do; the reference in docs/ is made from it.
 */
const stalledReasons = {
  ApplyRefused:
    'The API server refused an object that the operator wanted to write, for example by a quota or a policy. The message has its answer; once the cause is gone the operator goes on by itself.',
  BackupFailed:
    'The backup before a migration failed; nothing was changed. The message says why; change spec.release.retryToken to try again.',
  BackupUnavailable:
    'The image would change the database schema, and no backup can be taken before it; nothing was changed. Take one yourself and set spec.release.missingBackup to Accept, or give an image that leaves the schema as it is.',
  ClaimNotFound:
    'The PersistentVolumeClaim of database.sqlite.storage.existingClaim is not there. Create it, or create the instance anew without existingClaim.',
  ConnectionLimitExceeded:
    'The pods could open more connections than the database takes; the message has the numbers. Lower database.poolSizePerReplica or the replicas, or give the database more.',
  DatabaseConflict:
    'Another instance uses the same database, volume or database Secret; nothing was touched. The message names it. Give each instance a database of its own.',
  DatabaseFailed:
    'The pod of the built-in database cannot start, or ends again and again. The message has its exit code and the last lines of its log; its volume is left alone.',
  DatabaseFenced:
    'The database bears the mark of another instance, or holds tables that are not of Notejam; nothing in it was changed. The message says what was seen. Use the database of this instance.',
  DatabaseMajorUpgrade:
    'database.builtIn.image holds another major version than the data is of; the data is left alone. Set the image back, or make a new instance with the new version and fill it from this one.',
  DowngradeRefused:
    'The image is older than the database schema allows: a contract migration removed what it needs. Go back to a newer image.',
  GatewayAPIMissing:
    'spec.http.gateway needs the Gateway API, which the cluster does not serve. Install its definitions, or use http.ingress.',
  HostConflict:
    'Another instance is reached at one of the hosts; nothing was touched. The message names both. Give this instance another host.',
  ImagePullFailed:
    'A node cannot pull the image. Correct spec.image or spec.imagePullSecrets, or push the image: the pull is tried again by itself.',
  InspectionFailed:
    'The Job that reads what the database holds failed, before anything was changed. The message has its exit code and the last lines of its log; change spec.release.retryToken to try again.',
  InvalidStore:
    'A NotejamBackupStore that the spec names is not fit for this instance; the message says why. Production needs encryption Age with two recipients or more, of which one is kept off line; what is read here needs encryption.identitySecretRef.',
  InvalidSchedule: 'A schedule or a time zone of the spec cannot be read; the message says which. Correct it.',
  LastBackupFailed:
    'The instance is being deleted with deletionPolicy BackupThenDelete, and its last backup failed: nothing is deleted, the app is stopped. The message says why. Correct it and delete that NotejamBackup to try again; or change spec.deletionPolicy to Retain or Delete, which lets the instance go without.',
  MigrationFailed:
    'The migration Job failed. The message has its exit code and the last lines of its log; what served before still serves. Give a corrected image, or change spec.release.retryToken to try this one again.',
  MigrationLocked:
    'The migration Job found the database locked, however often it tried. Find who holds the lock, then change spec.release.retryToken.',
  MigrationTimedOut:
    'The migration Job did not end within spec.release.migration.deadlineSeconds. Raise it, or find what the Job waited for; then change spec.release.retryToken.',
  NameConflict:
    'An object of the name that the operator needs is there and belongs to somebody else; it is left alone. Rename or delete it, or give the instance another name.',
  NotMasked:
    'The archive that spec.seed.from names is not a masked copy, and nothing else may leave the instance that it is of; nothing was changed. Name the store of masked copies.',
  RehearsalFailed:
    'The migration of the new image was tried on an archive of this instance, in a throw-away database, and failed there; the database itself was not touched. The message has the exit code and the last lines of the log. Give a corrected image, or change spec.release.retryToken to try this one again.',
  RestoreFailed:
    'The Job that restores an archive failed; the data is as it was. The message has its exit code and the last lines of its log; create another NotejamRestore.',
  RolloutCrashed:
    'The pods of a new image ended again and again. The message has the exit code and the last lines of the log; the image before was put back, if there was one.',
  RolloutDeadlineExceeded:
    'The pods of a new image did not become ready within spec.release.rollout.progressDeadlineSeconds; the image before was put back, if there was one.',
  RowsChanged:
    'The migration of the new image was tried on an archive of this instance, in a throw-away database, and rows were lost or changed there that it does not declare to rewrite; the database itself was not touched. The message names the tables. Give a corrected image.',
  SchemaDrifted:
    'The migration Job found applied migrations whose content is not that of its image. Give the image that made the schema, or a later one of the same line.',
  SeedFailed:
    'The Job that fills the database with generated data or a masked copy failed. The message has its exit code and the last lines of its log; give a corrected image, or a masked copy that can be read, then change spec.release.retryToken.',
  SecretInvalid: 'A Secret that the spec names holds something that cannot be used; the message says what. Correct it.',
  SecretKeyMissing: 'A Secret that the spec names lacks an entry, or one is too short; the message says which. Add it.',
  SecretNotFound: 'A Secret that the spec names is not there. Create it in the namespace of the instance.',
  StoreNotFound: 'A NotejamBackupStore that the spec names is not there. Create it in the namespace of the instance.',
  StorageNotExpandable:
    'The volume could not be grown: its storage class does not allow it. Set the size back, or use another class in a new instance.',
  UpgradePathUnsupported:
    'The image cannot be reached from the release that is served without a downtime: a release between them was left out. Take that one in first; the message says what is missing.',
  VerificationFailed:
    'The pages of the new image did not work when they were tried with an account of their own. The message has the step and the answer. Before a roll-out nothing was replaced; after one the image before was put back.',
  WipeFailed:
    'The Job that empties the database of environment Development failed. The message has its exit code and the last lines of its log; change spec.release.retryToken to try again.',
} as const

/** Every condition of our kinds and its reasons: a closed list, so that alerts and scripts can rely on it. */
export const conditionReasons = {
  Ready: {
    Serving: 'The release that the spec asks for is served.',
    ScaledToZero: 'spec.replicas is 0: nothing serves, as asked for, and the data is kept.',
    Hibernated: 'The instance sleeps, as asked for: no pod runs, and the data is kept. The message says why and until when.',
    Starting: 'The first release is on its way.',
    Updating: 'A new release or a change of the pods is on its way.',
    Degraded: 'Fewer pods are ready than wanted, with no roll-out under way. The message says what the pods say.',
    Paused: 'spec.managementPolicy is Paused, and the operator would change something.',
    Deleting: 'The instance is being deleted.',
    ...stalledReasons,
  },
  Reconciling: {
    Creating: 'The objects of the instance are being made.',
    Inspecting: 'A Job of the new image reads what the database holds; nothing is changed.',
    BackingUp: 'The backup before a migration is taken.',
    Rehearsing: 'Environment Test: the migration of the new image is tried on the backup just taken, in a throw-away database.',
    Stopping: 'Environment Development: the pods are stopped before the database is emptied.',
    Wiping: 'Environment Development: the database is being emptied for the new image.',
    Migrating: 'The migration Job of a release runs; what served before still serves.',
    Seeding: 'The database is being filled with generated data, or with a masked copy of another instance.',
    Smoking: 'The pages of the new image are tried in a pod that nobody else reaches, before a pod is replaced.',
    Contracting: 'What only older code needs is being removed from the schema.',
    Verifying: 'The pages of the new image are tried after its roll-out.',
    WaitingForApproval: 'The new image waits for spec.release.approvedImage.',
    WaitingForGate: 'The new image waits until it was verified where spec.release.gate says.',
    WaitingForMaskedCopy:
      'The store of spec.seed.from holds no masked copy yet. The instance goes on by itself when there is one; it looks after 5 s first, then ever less often, and at least every 5 min.',
    WaitingForWindow: 'The new image waits for a window of spec.release.windows.',
    RollingOut: 'Pods are being replaced by those of the new template.',
    RollingBack: 'The image before is being put back, because the new one failed.',
    Restoring: 'A NotejamRestore replaces the data; its steps are in the message.',
    Waiting: 'Something outside must change first; the message says what.',
    Deleting: 'The instance is being deleted.',
    Idle: 'There is nothing to do.',
  },
  Stalled: {
    ...stalledReasons,
    None: 'Nothing keeps the instance from what its spec asks for.',
  },
  Available: {
    MinimumReplicas: 'At least one pod serves.',
    BelowMinimum: 'No pod serves.',
    ScaledToZero: 'spec.replicas is 0.',
  },
  SchemaCurrent: {
    AtTarget: 'The database schema is that of the image in the spec.',
    Behind: 'The migration to the image in the spec has not run yet, or has failed.',
    Migrating: 'The migration to the image in the spec runs.',
    ContractFailed:
      'What only older code needs could not be removed from the schema; what serves is not touched by it. The next release tries again.',
  },
  UpgradeVerified: {
    Passed: 'The image that is served was upgraded to here, and its pages worked (environment Test).',
    Failed: 'The last image was given up or rolled back (environment Test); the message says why.',
    Running: 'An upgrade is under way, or its pages are being tried (environment Test).',
    NotRequested: 'The image that is served was the first one: nothing was upgraded (environment Test).',
  },
  DatabaseReachable: {
    Probed: 'The database server answers: the pods are ready, which asks it, or a Job has worked on it.',
    ServerReady: 'The built-in database takes connections.',
    ServerStarting: 'The built-in database does not take connections yet; the message says what it waits for.',
    ServerStopped: 'The instance sleeps, and its built-in database with it. The data is kept.',
    ServerFailed: 'The built-in database needs a person; the message says why.',
    NotProbed: 'No pod is ready, so nothing says that the database answers.',
    ConnectionRefused: 'Nobody listens at the address of the database Secret.',
    NameNotFound: 'The host of the database Secret has no address.',
    Timeout: 'The database server does not answer; mostly a firewall, or a network policy, is in the way.',
    TLSFailed: 'The connection is not protected as database.external.tls asks for; the message says why.',
    AuthenticationFailed:
      'The database server does not know the user, or the password is wrong. Correct the Secret, then change spec.release.retryToken.',
    DatabaseMissing: 'The database server has no database of that name. Create it, then change spec.release.retryToken.',
  },
  ScalingActive: {
    Autoscaled: 'The HorizontalPodAutoscaler chooses the number of pods.',
    FixedReplicas: 'The number of pods is fixed by the spec or its environment.',
    MetricsUnavailable:
      'The HorizontalPodAutoscaler gets no metrics, so the number of pods stays. The message says which; mostly metrics-server, or the adapter of a metric, is missing.',
    HandingOver: 'The number of pods is being handed over to the HorizontalPodAutoscaler.',
  },
  BackupCurrent: {
    Recent: 'The newest good backup is as recent as the schedule asks for.',
    AwaitingFirst: 'No backup was taken yet, and none is overdue.',
    Overdue:
      'No good backup was taken since the last time of the schedule, and an hour has passed; with a daily schedule this comes before 26 hours are over. Look at the Jobs of component backup.',
    LastRunFailed:
      'The last scheduled run failed; the message has what its Job said. The next one comes by schedule; a NotejamBackup makes one at once.',
    NoStore: 'spec.backup is not set: nothing is backed up by the operator.',
    NotRequired: 'The instance sleeps, so nothing changes: its schedule is suspended.',
  },
  SecondCopyCurrent: {
    Copied: 'The second store has the newest backup as well.',
    CopyFailed: 'The second store did not get the newest backup; the first one has it. The next run tries anew.',
    AwaitingFirst: 'No backup was taken yet.',
  },
  RestoreVerified: {
    Verified: 'An archive was restored on trial as the schedule asks for, and all of it was there.',
    VerificationFailed:
      'The last trial restore failed; the message has what its Job said. Older archives are kept; take a new backup and look at the store.',
    VerificationOverdue: 'No archive was restored on trial since the last time of the schedule.',
    NeverVerified: 'No archive was restored on trial yet. Set spec.backup.verification, and wait for its schedule.',
    NoIdentity: 'The store has no encryption.identitySecretRef, so no archive can be read here. Add it to the NotejamBackupStore.',
  },
  MaskedCopiesCurrent: {
    Copied: 'Each masked copy of spec.backup.maskedCopies is as recent as its schedule asks for (environment Production).',
    AwaitingFirst: 'A masked copy was not made yet.',
    CopyFailed:
      'The last run of a masked copy failed, and nothing was stored by it; the message has what its Job said. Backups and releases do not wait for it.',
    InvalidCopy: 'A masked copy cannot be made as it is declared, or must not; the message says why. Correct spec.backup or the store.',
    Overdue: 'No masked copy was made since the last time of its schedule. Look at the Jobs of component backup.',
  },
  Succeeded: {
    Pending: 'The run waits; the message says for what.',
    Running: 'The Job of the run is there.',
    Completed: 'The run did what it was for.',
    NothingToBackUp: 'The database is empty, so there is nothing to back up.',
    DeadlineExceeded: 'The run took longer than spec.deadlineSeconds and was given up.',
    RunnerLost: 'The Job or its node disappeared before the end was seen. Create another one.',
    NotStarted:
      'Something that the run needs was missing for an hour from its creation (a store, a Secret, a volume, a first release); the message says what. Create another one when it is there.',
    StoreUnavailable: 'The store did not answer, or refused; the message has its answer.',
    ChecksumMismatch: 'What lies in the store is not what was written.',
    NotOurSchema: 'The database holds no Notejam.',
    NotFound: 'The archive holds no such account or note (mode Select). Take an earlier backup, or a later one.',
    AccountGone:
      "The account was deleted, or its address is another person's by now (mode Select); nothing was put back. Its former owner may get the notes as a file: docs/how-to/restore-a-note.md.",
    Fenced: 'The database bears the mark of another instance; nothing in it was changed.',
    Locked: 'Another command held the lock of the database, however often the run tried.',
    InstanceNotFound: 'The NotejamInstance that spec.instanceRef names is not there, or is being deleted.',
    SafetyBackupFailed: 'The backup before a restore in place failed, so nothing was changed. The message says why.',
    RestoreFailed: 'The Job that restores failed; the data is as it was. The message has its exit code and the last lines of its log.',
    MigrationFailed:
      'The archive was restored, and could not be brought to the schema of the image. The message says why; the safety backup holds what was there before.',
    RolloutFailed: 'The archive was restored, and the pods do not become ready on it. The safety backup holds what was there before.',
    Failed: 'The run failed; the message has its exit code and the last lines of its log.',
  },
  StoreReady: {
    Usable: 'What the spec names is there, and the last Job that used the store could.',
    SecretNotFound: 'A Secret that the spec names is not there. Create it in the namespace of the store.',
    SecretKeyMissing: 'A Secret that the spec names lacks an entry; the message says which.',
    ClaimNotFound: 'The PersistentVolumeClaim of spec.volume is not there.',
    StoreUnavailable: 'The last Job that used the store could not; the message has what it said.',
  },
  DeletionBlocked: {
    AwaitingLastBackup:
      'The instance is being deleted with deletionPolicy BackupThenDelete, and goes when its last backup is complete; the message says how far that is. The condition is there only then.',
    LastBackupFailed: stalledReasons.LastBackupFailed,
  },
  Paused: {
    ByPolicy: 'spec.managementPolicy is Paused, and everything is as the spec says.',
    PendingChanges: 'spec.managementPolicy is Paused, and the operator would change what the message names.',
    NotPaused: 'spec.managementPolicy is Managed.',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>

/** Type of a condition. */
export type ConditionType = keyof typeof conditionReasons

/** Reasons that a condition can have. */
export type ReasonOf<Type extends ConditionType> = keyof (typeof conditionReasons)[Type] & string

/** Reasons for which a person is needed. */
export type StalledReason = keyof typeof stalledReasons

/** Longest message: what `metav1.Condition` allows is 32,768, what people read in a terminal is far less; migrations bring log lines. */
export const longestMessage = 4096

/** A condition whose reason is one of its own. */
export function condition<Type extends ConditionType>(
  type: Type,
  status: ConditionState['status'],
  reason: ReasonOf<Type>,
  message: string,
  observedGeneration: number,
): ConditionState {
  return { type, status, reason, message: clip(message, longestMessage), observedGeneration }
}

/** Cuts a text to at most `length` UTF-16 units, with an ellipsis where something was cut off. */
export function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}

/** Events that are recorded about an instance, on transitions only. */
export const eventReasons = {
  RestoreFailed: 'A restore failed; the message says why.',
  RestoreStarted: 'A restore in place began.',
  RestoreSucceeded: 'A restore is complete.',
  BackupFailed: 'A backup failed; the message says why.',
  BackupSucceeded: 'A backup is complete.',
  BackupSkipped: 'A migration goes on without a backup, as spec.release.missingBackup says.',
  RehearsalSkipped: 'The migration of an upgrade is not tried on an archive, because the new image does not know how.',
  ContractFailed: 'What only older code needs could not be removed from the schema.',
  DatabaseSeeded: 'The database was filled with generated data, or with a masked copy of another instance.',
  DatabaseWiped: 'The database of environment Development was emptied for a release.',
  ReleaseStarted: 'A new image was seen, and its release began.',
  ReleaseSucceeded: 'The new image is served.',
  ReleaseFailed: 'A release was given up.',
  RolledBack: 'The image before is served again.',
  MigrationStarted: 'The migration Job was created.',
  MigrationSucceeded: 'The migration Job succeeded.',
  MigrationFailed: 'The migration Job failed.',
  RolloutStalled: 'The pods of a new image do not become ready.',
  Expired: 'The time of spec.expiration has passed, and the instance is being deleted.',
  VolumeRetained: 'The instance is being deleted, and its volume stays.',
  ScalingHandedOver: 'The HorizontalPodAutoscaler decides on the number of pods from now on.',
  Stalled: 'A person is needed; the message says for what.',
  NameConflict: 'An object of a needed name belongs to somebody else.',
  PausedWithPendingChanges: 'The instance is paused, and there is something to change.',
} as const

/** Reason of an event. */
export type EventReason = keyof typeof eventReasons
