import type { DatabaseIdentity, Operation } from '../../api/notejam.ts'
import type { JobState } from '../job-state.ts'
import type { Draft, Stall } from './types.ts'

type Succeeded = Extract<JobState, { type: 'Succeeded' }>

/** What an inspection came to. */
export type Inspection =
  | { readonly refused: Stall }
  | { readonly inspected: NonNullable<Operation['inspected']>; readonly identity: DatabaseIdentity | undefined }

/**
 * Judges what the inspection saw: the fourth lock of the fence, before anything is touched. A mark that is ours is recorded together with the address
 * at which it was seen, which is the fifth.
 */
export function judgeInspection(draft: Draft, { database, identity, pending = 0, accounts }: Succeeded): Inspection {
  const seen = { pending, ...(accounts === undefined ? {} : { accounts }) }
  const { identity: known, instanceUID, environment, address, adopt } = draft
  if (database === 'foreign') return refuse('the database holds tables that are not of Notejam')
  // Named by a person as the owner before: the migration puts our mark in the place of its own.
  if (adopt !== undefined && database !== 'empty' && adopt === (identity?.instanceUID ?? 'none')) {
    return { inspected: { database: 'Ours', ...seen }, identity: undefined }
  }
  if (identity === undefined) {
    if (database === 'empty') return { inspected: { database: 'Empty', ...seen }, identity: undefined }
    return refuse('the database holds a Notejam, but no mark of an instance')
  }
  if (identity.instanceUID !== instanceUID) {
    return refuse(`the database belongs to instance ${identity.instanceUID} (${identity.environment}), not to ${instanceUID}`)
  }
  if (identity.environment !== environment) {
    return refuse(`the database belongs to environment ${identity.environment}, not to ${environment}`)
  }
  if (known?.fingerprint !== undefined && known.fingerprint !== identity.fingerprint) {
    return refuse('the database bears the mark of this instance, but it is not the one that was marked: its fingerprint differs')
  }
  return { inspected: { database: 'Ours', ...seen }, identity: seenAt(identity, address) }
}

/** A mark with the address at which it was seen. */
export function seenAt(identity: DatabaseIdentity, address: string | undefined): DatabaseIdentity {
  const { address: _before, ...mark } = identity
  return address === undefined ? mark : { ...mark, address }
}

/**
 * The locks that the operator itself holds before a wipe Job is made: environment (1), the mark that is known (4), the address at which it was seen
 * (5). The journal (3) is written before, admission (2) is the cluster's, and the command reads the mark once more on the connection that drops.
 *
 * @returns why it is refused; undefined when all are open
 */
export function refuseWipe({ environment, identity, instanceUID, address }: Draft, operation: Operation): Stall | undefined {
  if (environment !== 'Development' || operation.strategy !== 'Wipe')
    return fenced(`only environment Development wipes, this is ${environment}`)
  if (identity?.instanceUID !== instanceUID || identity.environment !== environment || (identity.fingerprint ?? '') === '') {
    return fenced('the mark of this instance was not seen in the database')
  }
  if (address === undefined || identity.address !== address) {
    return fenced('the Secret names another database than the one whose mark was seen; change spec.release.retryToken to look again')
  }
  return undefined
}

/** The locks that the operator holds before the Job is made that puts a masked copy in the place of what a release has just made: 4 and 5. */
export function refuseSeed({ identity, instanceUID, environment, address }: Draft): Stall | undefined {
  if (environment === 'Production') return fenced('Production is never seeded')
  if (identity?.instanceUID !== instanceUID || identity.environment !== environment) {
    return fenced('the mark of this instance was not seen in the database')
  }
  if (address === undefined || identity.address !== address) {
    return fenced('the Secret names another database than the one whose mark was seen; change spec.release.retryToken to look again')
  }
  return undefined
}

function refuse(message: string): Inspection {
  return { refused: fenced(message) }
}

function fenced(message: string): Stall {
  return { reason: 'DatabaseFenced', message: `Nothing was changed: ${message}` }
}
