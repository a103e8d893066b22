import { imageVersion, parseImage } from '../../api/image.ts'
import type { Operation, Release, ReleaseStatus } from '../../api/notejam.ts'
import type { StalledReason } from '../../api/reasons.ts'
import { metaTime } from '../../runtime/conditions.ts'
import { deployOf, enter, journalVersion, keep } from './journal.ts'
import { beginRestore } from './restore.ts'
import { nextStep } from './steps.ts'
import type { Draft, ReleasePlan, Stall, Wait } from './types.ts'
import { readWindows } from './windows.ts'

/** Rests at the image of the spec, begins its release, or says what that waits for. */
export function settleOrBegin(draft: Draft): ReleasePlan {
  const { release, image } = draft
  const plan = keep(draft)
  if (draft.restore !== undefined && !draft.paused && !draft.blocked && !draft.stopped) return beginRestore(draft, draft.restore)
  if (release.current?.image === image) return contractWhenDue(draft, release.current)
  const { digest } = parseImage(image)
  const rejected = release.rejected?.find((entry) => entry.image === image || (digest !== undefined && entry.digest === digest))
  if (rejected !== undefined) return { ...plan, stall: { reason: rejected.reason as StalledReason, message: rejected.message ?? '' } }
  if (draft.paused || draft.blocked || draft.stopped) return plan
  const hold = findHold(draft)
  return hold === undefined ? begin(draft) : { ...plan, ...hold }
}

interface Hold {
  readonly wait?: Wait
  readonly stall?: Stall
  readonly wakeAt?: number
}

/** What keeps a release from beginning. The first image of an instance is no update: only the gate counts for it. */
function findHold({ gate, image, policy, approval, release, now, backupRuns }: Draft): Hold | undefined {
  if (backupRuns !== undefined) return { wait: { reason: 'Waiting', message: `${image} waits: ${backupRuns}` } }
  if (gate !== undefined) return { wait: { reason: 'WaitingForGate', message: gate } }
  const isFirst = release.current === undefined && release.history?.some(({ result }) => result === 'Succeeded') !== true
  if (isFirst) return undefined
  switch (policy.updatePolicy) {
    case 'Automatic':
      return undefined
    case 'Never':
      return { wait: { reason: 'Waiting', message: `${image} is not taken in: spec.release.updatePolicy is Never` } }
    case 'OnApproval': {
      if (policy.approvedImage === image && approval !== undefined) return undefined
      const message = `${image} waits for spec.release.approvedImage to name it`
      return { wait: { reason: 'WaitingForApproval', message } }
    }
    case 'InWindow':
      return waitForWindow(image, policy.windows, now)
  }
}

function waitForWindow(image: string, windows: Draft['policy']['windows'], now: number): Hold | undefined {
  const state = readWindows(windows, now)
  if ('invalid' in state) return { stall: { reason: 'InvalidSchedule', message: state.invalid } }
  if (state.open) return undefined
  const { nextStart } = state
  const when = nextStart === undefined ? 'none ever opens' : `the next one opens at ${metaTime(nextStart)}`
  const wait: Wait = { reason: 'WaitingForWindow', message: `${image} waits for a window of spec.release.windows: ${when}` }
  return { wait, ...(nextStart === undefined ? {} : { wakeAt: nextStart }) }
}

function begin(draft: Draft): ReleasePlan {
  const { image, now, policy, approval } = draft
  const { counter, id } = nextRelease(draft.release, image)
  const byApproval = policy.updatePolicy === 'OnApproval' && approval !== undefined ? { approval } : {}
  const target: Release = { id, image, version: imageVersion(image), since: metaTime(now), ...byApproval }
  const started: Draft = { ...draft, release: { ...draft.release, counter, target } }
  const operation: Operation = {
    id,
    version: journalVersion,
    type: 'Release',
    strategy: policy.strategy,
    step: 'Migrating',
    startTime: metaTime(now),
  }
  const first = nextStep(started, operation, undefined) ?? 'Migrating'
  return enter(started, operation, first, [
    { type: 'Normal', reason: 'ReleaseStarted', action: 'Release', note: `Release ${id} of ${image} began (${policy.strategy})` },
  ])
}

/** A new image is a new release; the image that failed last, tried again, is another attempt at the same one (`r17-2`). */
function nextRelease(release: ReleaseStatus, image: string): { readonly counter: number; readonly id: string } {
  const counter = release.counter ?? 0
  const [last] = release.history ?? []
  const attempt = last === undefined ? undefined : /^r(\d+)(?:-(\d+))?$/.exec(last.id)
  const again = last?.image === image && last.result !== 'Succeeded' && Number(attempt?.[1]) === counter
  return again ? { counter, id: `r${counter}-${Number(attempt?.[2] ?? 1) + 1}` } : { counter: counter + 1, id: `r${counter + 1}` }
}

/**
 * Removes what only older code needs, some time after the release was complete: by then nobody goes back. It begins only while all pods run the
 * release, with updatePolicy InWindow in a window, and where a backup is wanted before a change of the schema, not without one.
 */
function contractWhenDue(draft: Draft, current: Release): ReleasePlan {
  const { now, policy } = draft
  const plan = keep(draft)
  const isPending = (current.pendingContract ?? 0) > 0 && current.contractFailure === undefined && policy.strategy !== 'Wipe'
  const lacksBackup = policy.strategy === 'BackupThenMigrate' && policy.missingBackup === 'Refuse' && draft.backup.type === 'Unavailable'
  if (!isPending || lacksBackup || draft.backupRuns !== undefined || draft.paused || draft.blocked || draft.stopped) return plan
  const due = Date.parse(current.since ?? metaTime(now)) + policy.contractAfterSeconds * 1000
  if (due > now) return { ...plan, wakeAt: due }
  if (policy.updatePolicy === 'InWindow') {
    const windows = readWindows(policy.windows, now)
    if ('invalid' in windows) return plan
    if (!windows.open) return { ...plan, wakeAt: windows.nextStart }
  }
  if (draft.rolloutOf(deployOf(current).image, current).type !== 'Complete') return plan
  const operation: Operation = {
    id: current.id ?? 'r0',
    version: journalVersion,
    type: 'Contract',
    strategy: policy.strategy,
    step: 'Contracting',
    startTime: metaTime(now),
  }
  return enter(draft, operation, 'Contracting')
}
