import type { BackupStatus } from '../api/notejam.ts'
import { clip } from '../api/reasons.ts'
import type { Report } from './run-state.ts'

/** What `backup` says at its end (image contract). */
export interface BackupReport extends Pick<
  BackupStatus,
  'backupID' | 'engine' | 'schemaVersion' | 'startTime' | 'completionTime' | 'sizeBytes' | 'sha256' | 'rows' | 'copies'
> {
  readonly outcome: string
  readonly uid?: string
}

const longestCopyMessage = 1024

/** Takes what it knows out of the last line of `backup`; what is of another type is left out. */
export function readBackupReport(report: Report): BackupReport {
  const text = (name: string) => {
    const value = report[name]
    return typeof value === 'string' || typeof value === 'number' ? { [name]: String(value) } : {}
  }
  const number = (name: string) => (typeof report[name] === 'number' ? { [name]: report[name] } : {})
  const time = (name: string) => {
    const value = report[name]
    return typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? { [name]: toSeconds(value) } : {}
  }
  return {
    outcome: typeof report['outcome'] === 'string' ? report['outcome'] : '',
    ...text('uid'),
    ...text('backupID'),
    ...text('engine'),
    ...text('schemaVersion'),
    ...time('startTime'),
    ...time('completionTime'),
    ...number('sizeBytes'),
    ...text('sha256'),
    ...number('rows'),
    ...(Array.isArray(report['copies']) ? { copies: report['copies'].flatMap(readCopy) } : {}),
  }
}

function readCopy(value: unknown): NonNullable<BackupStatus['copies']>[number][] {
  if (typeof value !== 'object' || value === null) return []
  const { store, state, message } = value as Report
  if (typeof store !== 'string' || (state !== 'Stored' && state !== 'Failed')) return []
  return [{ store, state, ...(typeof message === 'string' ? { message: clip(message, longestCopyMessage) } : {}) }]
}

/** `metav1.Time` holds whole seconds. */
export function toSeconds(time: string): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z')
}
