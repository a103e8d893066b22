import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Clock } from '../clock.ts'
import { AppError, exitCodes } from '../errors.ts'
import type { Engine } from './engine.ts'
import { createLedger, type Ledger } from './ledger.ts'
import type { Database, IdentityTable } from './schema.ts'

/** What a command says about whose database it wants to change. */
export interface IdentityClaim {
  /** UID of the instance. */
  readonly instanceUid: string
  /** Development, Test or Production; needed to record the identity. */
  readonly environment: string | undefined
  /** What the operator remembers; undefined at the first contact. */
  readonly fingerprint: string | undefined
  /** The instance whose database is taken over; `none` for one that bears no mark. */
  readonly adopt: string | undefined
}

/** What {@link markDatabase} needs. */
export interface MarkOptions {
  readonly db: Kysely<Database>
  readonly engine: Engine
  readonly clock: Clock
  readonly claim: IdentityClaim
  readonly ledger: Ledger
}

/** True where the claimer may write its mark: the database is empty, or is taken over from the one that the claim names. */
function mayMark({ state, identity }: Ledger, { adopt }: IdentityClaim): boolean {
  return state === 'empty' || (state === 'ours' && adopt !== undefined && adopt === (identity?.instance_uid ?? 'none'))
}

/**
 * The fourth lock of the fence: what is not empty must be the claimer's, or named as taken over.
 *
 * @throws {@link AppError} `FenceRefused`, exit code 6
 */
export function assertClaim(ledger: Ledger, claim: IdentityClaim): void {
  if (!mayMark(ledger, claim)) {
    assertIdentity(ledger.identity, claim)
  }
}

/** Marks an empty database, or one that is taken over, as the claimer's; leaves any other alone. Call it after {@link assertClaim}. */
export async function markDatabase({ db, engine, clock, claim, ledger }: MarkOptions): Promise<void> {
  if (mayMark(ledger, claim)) {
    await createLedger(db, engine)
    await record({ db, clock, claim })
  }
}

/** @throws {@link AppError} `FenceRefused` unless the row is the claimer's. */
export function assertIdentity(identity: Readonly<IdentityTable> | undefined, claim: IdentityClaim): void {
  if (identity === undefined) {
    throw refused('the database holds a Notejam but no mark of an instance; to take it over say so (database.adopt, here --adopt none)')
  }
  if (identity.instance_uid !== claim.instanceUid) {
    throw refused(`the database belongs to instance ${identity.instance_uid} (${identity.environment}), not to ${claim.instanceUid}`)
  }
  if (claim.environment !== undefined && identity.environment !== claim.environment) {
    throw refused(`the database belongs to environment ${identity.environment}, not to ${claim.environment}`)
  }
  if (claim.fingerprint !== undefined && identity.fingerprint !== claim.fingerprint) {
    throw refused('the database bears the name of this instance, but it is not the one that was marked: its fingerprint differs')
  }
}

function refused(message: string): AppError {
  return new AppError(message, { code: 'FenceRefused', exitCode: exitCodes.fenceRefused })
}

async function record({
  db,
  clock,
  claim,
}: {
  readonly db: Kysely<Database>
  readonly clock: Clock
  readonly claim: IdentityClaim
}): Promise<void> {
  if (claim.environment === undefined) {
    throw new AppError('an empty database can only be marked with an environment: give --environment', {
      code: 'InvalidArguments',
      exitCode: exitCodes.usage,
    })
  }
  const row = {
    id: 1,
    instance_uid: claim.instanceUid,
    environment: claim.environment,
    fingerprint: randomBytes(16).toString('hex'),
    recorded_at: clock.now(),
    last_wipe_id: null,
  }
  await db.transaction().execute(async (transaction) => {
    await transaction.deleteFrom('notejam_identity').execute()
    await transaction.insertInto('notejam_identity').values(row).execute()
  })
}
