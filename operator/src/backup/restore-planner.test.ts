import { describe, expect, it } from 'vitest'
import type { NotejamRestore } from '../api/notejam.ts'
import { planRestore, type RestoreObservation } from './restore-planner.ts'

const start = Date.parse('2026-11-21T00:00:00Z')
const hour = 3_600_000

function selection(status?: NotejamRestore['status']): NotejamRestore {
  return {
    apiVersion: 'notejam.io/v1',
    kind: 'NotejamRestore',
    metadata: { name: 'annas', namespace: 'team', uid: 'u-1', generation: 1, creationTimestamp: '2026-11-21T00:00:00Z' },
    spec: {
      instanceRef: { name: 'notes' },
      source: { backupID: 'Latest' },
      mode: 'Select',
      select: { noteIDs: [1] },
      deadlineSeconds: 600,
    },
    ...(status === undefined ? {} : { status }),
  }
}

const seen = (more: Partial<RestoreObservation> = {}): RestoreObservation => ({
  restore: selection(),
  hasInstance: true,
  ...{ operation: undefined, last: undefined, safetyBackupID: undefined, waitsFor: undefined },
  run: { type: 'Absent' },
  now: start,
  ...more,
})
const running = selection({ startTime: '2026-11-21T00:00:00Z' })
const failed = (outcome?: string): Partial<RestoreObservation> => ({
  restore: running,
  run: { type: 'Failed', reason: 'Failed', message: 'exit code 1: why', ...(outcome === undefined ? {} : { outcome }) },
})

describe('planRestore of a selection', () => {
  it.each<[string, Partial<RestoreObservation>, readonly unknown[]]>([
    ['begins when nothing is in its way', {}, ['Unknown', 'Running', 'Create']],
    ['waits, and says so', { waitsFor: 'an operation', now: start + 100 * hour }, ['Unknown', 'Pending', 'Leave']],
    ['gives up what is missing for an hour', { waitsFor: 'a key', lacks: true, now: start + hour }, ['False', 'NotStarted', 'Leave']],
    ['goes on while its Job does', { restore: running, run: { type: 'Active' } }, ['Unknown', 'Running', 'Leave']],
    ['makes its Job again when that is gone', { restore: running }, ['Unknown', 'Running', 'Create']],
    [
      'is lost a minute after its deadline',
      { restore: running, run: { type: 'Active' }, now: start + 661_000 },
      ['False', 'RunnerLost', 'Delete'],
    ],
    ['tells a note that is not in the archive', failed('NotFound'), ['False', 'NotFound', 'Leave']],
    ['tells an account that is gone', failed('AccountGone'), ['False', 'AccountGone', 'Leave']],
    ['tells any other failure by its exit code', failed('Masked'), ['False', 'Failed', 'Leave']],
    ['tells a failure without an outcome', failed(), ['False', 'Failed', 'Leave']],
  ])('%s', (_what, more, expected) => {
    const { status, job } = planRestore(seen(more))

    const [state] = status.conditions ?? []
    expect([state?.status, state?.reason, job]).toEqual(expected)
  })

  it('says what became of the notes', () => {
    const report = { outcome: 'Recovered', backupID: '20261121T000000Z-0123abcd', inserted: 3, copies: 1, unchanged: 2, padsCreated: 1 }

    const { status } = planRestore(seen({ restore: running, run: { type: 'Succeeded', report }, now: start + 9_400 }))

    expect(status).toMatchObject({ backupID: report.backupID, restoredRows: 4, durationSeconds: 9 })
    expect(status.conditions?.[0]).toMatchObject({ status: 'True', reason: 'Completed' })
    expect(status.conditions?.[0]?.message).toMatch(/back: 3; beside what they are by now: 1; there as they were: 2/)
  })
})
