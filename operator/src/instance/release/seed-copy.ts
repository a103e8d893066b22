import type { Operation } from '../../api/notejam.ts'
import { clip } from '../../api/reasons.ts'
import type { JobState } from '../job-state.ts'
import { keep, keptMessage } from './journal.ts'
import type { Draft, ReleasePlan, Wait } from './types.ts'

type Failed = Extract<JobState, { type: 'Failed' }>

/** What the journal says while there is no masked copy to begin with. */
const awaiting = 'WaitingForMaskedCopy'

/** A copy is looked for again after as long as it has been missing, within these: soon where both were applied together, and never often. */
const shortestPauseMs = 5_000
const longestPauseMs = 300_000

/** Whether a release waits until there is a masked copy: the Job of its seed is made again and again. */
export function isAwaitingCopy({ reason }: Pick<Operation, 'reason'>): boolean {
  return reason === awaiting
}

/** What it says meanwhile; nothing where it does not wait. */
export function copyWait(operation: Operation): { readonly wait?: Wait } {
  return isAwaitingCopy(operation) ? { wait: { reason: awaiting, message: operation.message ?? '' } } : {}
}

/** Whether a seed failed only because its masked copy, the newest there is, was not made yet. */
export function lacksCopy({ policy }: Draft, { step }: Operation, { noBackupAt }: Failed): boolean {
  return step === 'Seeding' && policy.takesLatestCopy === true && noBackupAt !== undefined
}

/** Keeps a release waiting for its masked copy: the Job that found none is taken away when its time has come, so that another one looks. */
export function waitForCopy(draft: Draft, operation: Operation, { noBackupAt = '', message }: Failed): ReleasePlan {
  const text = `There is no masked copy to begin with yet; it is looked for from time to time. ${message}`
  const waiting: Operation = { ...operation, reason: awaiting, message: clip(text, keptMessage) }
  const ended = Date.parse(noBackupAt)
  const missing = ended - Date.parse(operation.stepTime ?? operation.startTime)
  const due = ended + Math.min(Math.max(missing, shortestPauseMs), longestPauseMs)
  const plan = { ...keep({ ...draft, operation: waiting }), ...copyWait(waiting) }
  return draft.now < due ? { ...plan, wakeAt: due } : { ...plan, job: 'Withdraw' }
}

/** The operation once the Job that found no copy is gone: another one is to be made. */
export function lookAgain(operation: Operation): Operation {
  const { jobUID: _gone, ...rest } = operation
  return rest
}
