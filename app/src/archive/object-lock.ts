import { ConfigError } from '../errors.ts'
import type { BackupReason } from './manifest.ts'
import { parsePeriod, timeAfter } from './period.ts'

/** Variables that say how long archives are kept, so that whoever stores them can have them locked for as long. */
const variables: Readonly<Record<BackupReason, string | undefined>> = {
  Scheduled: 'RETENTION_DAILY',
  OnDemand: 'RETENTION_BEFORE_MIGRATION',
  PreMigration: 'RETENTION_BEFORE_MIGRATION',
  PreRestore: 'RETENTION_BEFORE_MIGRATION',
  // The copy belongs to those who get it.
  Masked: undefined,
}

/**
 * Until when a backup that begins now is to be locked; undefined where nothing is said: then the bucket's own rules are all that counts.
 *
 * @throws {@link ConfigError} for a period that is none
 */
export function lockedUntil(
  environment: Readonly<Record<string, string | undefined>>,
  { reason, startTime }: { readonly reason: BackupReason; readonly startTime: Date },
): Date | undefined {
  const variable = variables[reason]
  const text = variable === undefined ? '' : (environment[variable] ?? '')
  if (variable === undefined || text === '') {
    return undefined
  }
  const period = parsePeriod(text)
  if (period === undefined) {
    throw new ConfigError([`${variable}: must be years, months, weeks and days such as P3Y, is "${text}"`])
  }
  return timeAfter(startTime, period)
}
