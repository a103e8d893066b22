import type { DatabaseIdentity, LastRestore, Operation, Release, ReleaseStatus, VerifiedImage } from '../../api/notejam.ts'
import type { EventReason, ReasonOf, StalledReason } from '../../api/reasons.ts'
import type { Environment } from '../../api/notejam.ts'
import type { JobState } from '../job-state.ts'
import type { RolloutState } from '../rollout.ts'

/** What a new image does to the data. */
export type Strategy = NonNullable<Operation['strategy']>

/** A step of an operation, as the journal names it. */
export type Step = Operation['step']

/**
 * How the backup of a release is doing: the whole seam between releases and backups. `Unavailable` while the instance has no store to back up to;
 * `Absent` until the NotejamBackup of the release is there; then what its condition `Succeeded` says.
 */
export type BackupState =
  | { readonly type: 'Unavailable' }
  | { readonly type: 'Absent' }
  | { readonly type: 'Running' }
  /** `backupID`: the archive; there is none of an empty database. */
  | { readonly type: 'Succeeded'; readonly backupID?: string }
  | { readonly type: 'Failed'; readonly message: string }

/** A restore in place that was asked for. */
export interface RestoreRequest {
  readonly uid: string
  readonly name: string
  /** When it may begin at the earliest, milliseconds since the epoch; at once if not given. */
  readonly notBefore?: number
}

/** What the spec says about when images come in, and what follows. */
export interface ReleasePolicy {
  readonly strategy: Strategy
  readonly updatePolicy: 'Automatic' | 'OnApproval' | 'InWindow' | 'Never'
  readonly approvedImage: string | undefined
  readonly windows: readonly ReleaseWindow[]
  readonly rollback: 'Automatic' | 'Manual'
  readonly missingBackup: 'Refuse' | 'Accept'
  readonly contractAfterSeconds: number
  readonly migrationDeadlineSeconds: number
  /** How long pods that were stopped for a restore or a wipe may take to come back; 300 if not given. */
  readonly progressDeadlineSeconds?: number
  /** Whether the database is filled when it is new. */
  readonly seeds: boolean
  /** Whether that is with a masked copy of another instance, which takes the place of what is there, instead of with generated data. */
  readonly seedsCopy?: boolean
  /** Whether that is the newest one, whichever it is: then a release waits until there is one. */
  readonly takesLatestCopy?: boolean
  /** Whether the instance is still to begin with an archive. */
  readonly bootstraps?: boolean
  /** Whether the migration of an upgrade can be tried on an archive; a text says why not. */
  readonly rehearsal?: true | string
}

/** Times in which releases may begin. */
export interface ReleaseWindow {
  /** Five cron fields. */
  readonly schedule: string
  readonly durationSeconds: number
  /** IANA name; UTC if not given. */
  readonly timeZone?: string
}

/** Everything that the next step of a release depends on. */
export interface ReleaseObservation {
  readonly instanceUID: string
  /** The instance whose database is taken over; `none` for one without a mark. */
  readonly adopt?: string | undefined
  readonly environment: Environment
  /** Image of the spec. */
  readonly image: string
  readonly retryToken: string | undefined
  readonly policy: ReleasePolicy
  /** No new step begins, deadlines stand still. */
  readonly paused: boolean
  /** Hibernated: no release begins before the instance wakes. */
  readonly stopped: boolean
  /** Whether there are pods whose pages can be tried. */
  readonly wantsPods: boolean
  /** Something that a release needs is missing (a Secret, a claim) or in the way (a foreign object): none begins. */
  readonly blocked: boolean
  readonly release: ReleaseStatus | undefined
  /** What the Deployment says that it runs, which need not have served; undefined while there is none. */
  readonly deployed?: Release | undefined
  readonly operation: Operation | undefined
  readonly verifiedImages: readonly VerifiedImage[]
  /** The mark in the database, as it was seen last. */
  readonly identity: DatabaseIdentity | undefined
  /** Hash of the database's host and name, as the Secret has them now; undefined while it cannot be read. */
  readonly address: string | undefined
  /** The Job of the operation's step. */
  readonly job: JobState
  readonly jobUID: string | undefined
  readonly backup: BackupState
  /** What reads the database now, so that nothing in it may be changed; undefined when nothing does. */
  readonly backupRuns?: string | undefined
  /** The restore in place whose turn it is, if it can begin. */
  readonly restore?: RestoreRequest | undefined
  /** What the newest one came to. */
  readonly lastRestore?: LastRestore | undefined
  /** No pod of the app is there, and none will come: the Deployment is at zero, or not there. */
  readonly appGone: boolean
  /** How far the Deployment is with an image: asked for the pinned image of the target, or of the current release. */
  readonly rolloutOf: (image: string, release: Release) => RolloutState
  /** What the gate waits for; undefined when it lets the image in. */
  readonly gate: string | undefined
  /** Who set spec.release.approvedImage, and when. */
  readonly approval: Release['approval']
  /** Wall clock, milliseconds since the epoch. */
  readonly now: number
}

/** An event that a step is worth. */
export interface PlannedEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: EventReason
  readonly action: string
  readonly note: string
}

/** Why a person is needed. */
export interface Stall {
  readonly reason: StalledReason
  readonly message: string
}

/** What a release waits for before it begins. */
export interface Wait {
  readonly reason: Extract<
    ReasonOf<'Reconciling'>,
    'Waiting' | 'WaitingForApproval' | 'WaitingForGate' | 'WaitingForMaskedCopy' | 'WaitingForWindow'
  >
  readonly message: string
}

/** The next step. `release`, `operation`, `identity` and `verifiedImages` are what status is to say before anything is done. */
export interface ReleasePlan {
  readonly release: ReleaseStatus
  readonly operation: Operation | undefined
  readonly identity: DatabaseIdentity | undefined
  readonly verifiedImages: readonly VerifiedImage[]
  readonly lastRestore?: LastRestore | undefined
  /** What is to be done with the Job of the operation's step; `Withdraw` takes back one that has touched nothing. */
  readonly job: 'Leave' | 'Create' | 'Withdraw'
  /** Whether the NotejamBackup of the release is to be made. */
  readonly backup: 'Leave' | 'Create'
  /** What the Deployment is to run; undefined while there is nothing to run. */
  readonly deploy: { readonly image: string; readonly release: Release } | undefined
  /** Whether the Deployment is to be at zero, whatever is wanted otherwise. */
  readonly stopApp: boolean
  readonly stall: Stall | undefined
  readonly wait: Wait | undefined
  /** When to look again, where no watch tells; milliseconds since the epoch. */
  readonly wakeAt: number | undefined
  readonly events: readonly PlannedEvent[]
}

/** A release while it is decided on: the observation with its status put in order. */
export interface Draft extends ReleaseObservation {
  readonly release: ReleaseStatus
  /** Whether spec.release.retryToken was changed since the last plan. */
  readonly retried?: boolean
}
