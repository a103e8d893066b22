import { type Accounts, createAccounts } from '../accounts/service.ts'
import { type Audit, createAudit } from '../accounts/audit.ts'
import { createPasswords, type PasswordCost } from '../accounts/passwords.ts'
import { createSessions, type Sessions } from '../accounts/sessions.ts'
import { createThrottle, type Throttle } from '../accounts/throttle.ts'
import { type ApiTokens, createApiTokens } from '../api/tokens.ts'
import type { AppContext } from '../context.ts'
import { createDeletions, type Deletions } from '../notes/deletions.ts'
import { createNotes, type Notes } from '../notes/service.ts'
import { createPads, type Pads } from '../pads/service.ts'
import { createSearch, type Search } from '../search/service.ts'

/** The rules of Notejam, which pages and API share. */
export interface Services {
  readonly accounts: Accounts
  readonly sessions: Sessions
  readonly pads: Pads
  readonly notes: Notes
  readonly deletions: Deletions
  readonly search: Search
  readonly throttle: Throttle
  readonly audit: Audit
  readonly tokens: ApiTokens
}

/** What tests make cheaper. */
export interface ServiceOptions {
  /** Cost of a password's hash; the standard one unless told. */
  readonly passwordCost?: PasswordCost
  /** See `AccountsOptions.resetFloorMs`. */
  readonly resetFloorMs?: number
}

/** Builds all services on one context. */
export function createServices(context: AppContext, options: ServiceOptions = {}): Services {
  const sessions = createSessions(context)
  const audit = createAudit(context.log)
  const throttle = createThrottle({ ...context, audit })
  const accounts = createAccounts({
    ...context,
    sessions,
    throttle,
    audit,
    passwords: createPasswords(options.passwordCost),
    ...(options.resetFloorMs === undefined ? {} : { resetFloorMs: options.resetFloorMs }),
  })
  return {
    accounts,
    sessions,
    throttle,
    audit,
    pads: createPads(context),
    notes: createNotes(context),
    deletions: createDeletions(context),
    search: createSearch(context),
    tokens: createApiTokens({ ...context, audit }),
  }
}
