import type { Logger } from 'pino'

/** Security events, by name; documented in docs/security. */
export type AuditEvent =
  | 'signed-up'
  | 'signed-in'
  | 'sign-in-failed'
  | 'signed-out'
  | 'throttled'
  | 'password-changed'
  | 'password-change-failed'
  | 'password-reset-asked'
  | 'password-reset'
  | 'sessions-ended'
  | 'session-ended'
  | 'account-exported'
  | 'account-deleted'
  | 'token-created'
  | 'token-revoked'
  | 'cross-site-refused'

/** Writes one line of JSON per security event. */
export type Audit = (
  event: AuditEvent,
  fields: { readonly userId?: number | undefined; readonly address: string; readonly [field: string]: unknown },
) => void

/** Audit lines carry `audit: true` and the event's name; they hold ids and addresses, never an e-mail address, a password or a token. */
export function createAudit(log: Logger): Audit {
  const lines = log.child({ audit: true })
  return (event, fields) => {
    lines.info({ event, ...fields }, 'security event')
  }
}
