import { describe, expect, it } from 'vitest'
import { metaTime } from '../runtime/conditions.ts'
import { archiveOf, findFailedVerification } from './failed-verification.ts'
import { summariseBackups, type BackupEvidence, type PastRun } from './instance-planner.ts'

const start = Date.parse('2026-11-22T04:00:00Z')
const older = '20261120T000003Z-1f0c2a9b'
const tried = '20261121T000003Z-1f0c2a9b'
const newer = '20261122T000003Z-1f0c2a9b'

function trial(hours: number, outcome: 'good' | 'bad', backupID?: string): PastRun {
  const run: PastRun['run'] =
    outcome === 'good'
      ? { type: 'Succeeded', report: { backupID } }
      : { type: 'Failed', reason: 'ChecksumMismatch', message: `bad at ${hours}` }
  return { kind: 'verify', finishedAt: metaTime(start + hours * 3_600_000), backupID, run, prune: { type: 'Absent' } }
}

/** What is known after looks at these runs, one look after the other: each sees what is left of the Jobs then. */
function after(...looks: readonly (readonly PastRun[])[]) {
  const evidence: Omit<BackupEvidence, 'runs' | 'before'> = {
    spec: {
      environment: 'Test',
      image: 'registry.example/notejam:1',
      database: { type: 'SQLite', sqlite: { storage: {} } },
      backup: { storeRef: { name: 'a' }, verification: { serverImage: 'postgres:17' } },
    },
    ...{ uid: 'u', generation: 1, backups: [], suspended: undefined, since: metaTime(start - 3_600_000) },
    ...{ readable: true, unfitCopies: new Map(), now: start + 8 * 3_600_000 },
  }
  let before: BackupEvidence['before']
  let reason: string | undefined
  for (const runs of looks) {
    // What an operator knows that was started anew: the status, as it was written.
    const { status, conditions } = summariseBackups({ ...evidence, runs, before: JSON.parse(JSON.stringify(before ?? {})) })
    before = status
    reason = conditions.find(({ type }) => type === 'RestoreVerified')?.reason
  }
  return { reason, failed: before?.failedVerification }
}

describe('a trial restore that failed', () => {
  const bad = trial(1, 'bad', tried)

  it.each<[string, readonly (readonly PastRun[])[], string]>([
    ['is told while its Job is there', [[bad]], 'VerificationFailed'],
    ['is told when its Job is collected', [[bad], []], 'VerificationFailed'],
    ['is told after an older archive was good', [[bad], [trial(2, 'good', older)], []], 'VerificationFailed'],
    ['is told after a run of which nobody knows what it tried', [[bad], [trial(2, 'good')], []], 'VerificationFailed'],
    ['is made up for by the same archive', [[bad], [trial(2, 'good', tried)], []], 'Verified'],
    ['is made up for by a newer archive', [[bad], [bad, trial(2, 'good', newer)], []], 'Verified'],
    ['does not come back with its Job, which outlives that of the success', [[bad], [bad, trial(2, 'good', newer)], [bad]], 'Verified'],
    ['is told again when it fails again', [[bad], [trial(2, 'good', newer)], [trial(3, 'bad', newer)], []], 'VerificationFailed'],
    [
      'is told where the good one of an older archive came first',
      [[trial(0, 'good', older), bad], [trial(0, 'good', older)]],
      'VerificationFailed',
    ],
  ])('%s', (_what, looks, expected) => {
    expect(after(...looks).reason).toBe(expected)
  })

  it('asks for a trial of the newest archive of those that failed', () => {
    const { failed } = after([bad], [trial(2, 'bad', older)], [])

    expect(failed).toEqual({ time: metaTime(start + 2 * 3_600_000), backupID: tried, message: 'bad at 2' })
  })

  it('is taken for one of the newest archive where it does not say which', () => {
    expect(findFailedVerification({ lastBackupID: newer }, [trial(1, 'bad')])).toMatchObject({ backupID: newer })
  })
})

describe('archiveOf', () => {
  it('reads what a good run says, else the message of a bad one, else what was asked for', () => {
    const failed = (message: string) => ({ type: 'Failed', reason: 'ChecksumMismatch', message }) as const

    expect(archiveOf({ type: 'Succeeded', report: { backupID: tried } }, newer)).toBe(tried)
    expect(archiveOf(failed(`backup ${tried} in store a is damaged`), undefined)).toBe(tried)
    expect(archiveOf(failed('tables differ'), newer)).toBe(newer)
    expect(archiveOf(failed('tables differ'), undefined)).toBeUndefined()
  })
})
