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

/** What {@link guardIdentity} needs. */
export interface GuardOptions {
  readonly db: Kysely<Database>
  readonly engine: Engine
  readonly clock: Clock
  readonly claim: IdentityClaim | undefined
  readonly ledger: Ledger
}

/**
 * The fourth lock of the fence: an empty database is marked, a marked one must be the claimer's. Without a claim (people without an operator)
 * nothing is marked and nothing refused.
 *
 * @throws {@link AppError} `FenceRefused`, exit code 6
 */
export async function guardIdentity({ db, engine, clock, claim, ledger }: GuardOptions): Promise<void> {
  if (claim === undefined) {
    return
  }
  const { identity } = ledger
  const adopts = claim.adopt !== undefined && claim.adopt === (identity?.instance_uid ?? 'none') && ledger.state === 'ours'
  if (ledger.state === 'empty' || adopts) {
    await createLedger(db, engine)
    await record({ db, clock, claim })
    return
  }
  assertIdentity(identity, claim)
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
