import { describe, expect, it } from 'vitest'
import type { NotejamBackup } from '../api/notejam.ts'
import { planBackup, type BackupObservation } from './backup-planner.ts'

const start = Date.parse('2026-11-21T00:00:00Z')
const hour = 3_600_000

function backup(status?: NotejamBackup['status']): NotejamBackup {
  return {
    apiVersion: 'notejam.io/v1',
    kind: 'NotejamBackup',
    metadata: { name: 'now', namespace: 'team', uid: 'u-1', generation: 1, creationTimestamp: '2026-11-21T00:00:00Z' },
    spec: { instanceRef: { name: 'notes' }, reason: 'OnDemand', deadlineSeconds: 600, retention: 'Policy' },
    ...(status === undefined ? {} : { status }),
  }
}

const seen = (more: Partial<BackupObservation> = {}): BackupObservation => ({
  backup: backup(),
  hasInstance: true,
  run: { type: 'Absent' },
  waitsFor: undefined,
  now: start,
  ...more,
})
const running = backup({ startTime: '2026-11-21T00:00:00Z' })
const report = {
  outcome: 'Succeeded',
  uid: 'u-1',
  backupID: '20261121T000000Z-0123abcd',
  rows: 3,
  copies: [{ store: 'a', state: 'Stored' }],
}
const stateOf = (more: Partial<BackupObservation>) => {
  const { status, job } = planBackup(seen(more))
  const [state] = status.conditions ?? []
  return [state?.status, state?.reason, job]
}

describe('planBackup', () => {
  it.each<[string, Partial<BackupObservation>, readonly unknown[]]>([
    ['begins when nothing is in its way', {}, ['Unknown', 'Running', 'Create']],
    ['waits, and says so', { waitsFor: 'another' }, ['Unknown', 'Pending', 'Leave']],
    ['waits for what is missing', { waitsFor: 'a store', lacks: true, now: start + hour - 1 }, ['Unknown', 'Pending', 'Leave']],
    ['gives up what is missing for an hour', { waitsFor: 'a store', lacks: true, now: start + hour }, ['False', 'NotStarted', 'Leave']],
    ['waits for its turn as long as that takes', { waitsFor: 'another', now: start + 100 * hour }, ['Unknown', 'Pending', 'Leave']],
    ['does not wait once it has begun', { backup: running, waitsFor: 'another' }, ['Unknown', 'Running', 'Create']],
    ['goes on while its Job does', { backup: running, run: { type: 'Active' } }, ['Unknown', 'Running', 'Leave']],
    [
      'is lost a minute after its deadline, and ends its Job',
      { backup: running, run: { type: 'Active' }, now: start + 661_000 },
      ['False', 'RunnerLost', 'Delete'],
    ],
    ['is not lost before', { backup: running, run: { type: 'Active' }, now: start + 659_000 }, ['Unknown', 'Running', 'Leave']],
    ['is lost when its Job is gone and the time is over', { backup: running, now: start + hour }, ['False', 'RunnerLost', 'Leave']],
    ['is complete', { backup: running, run: { type: 'Succeeded', report } }, ['True', 'Completed', 'Leave']],
    [
      'is complete for an archive that was there',
      { run: { type: 'Succeeded', report: { ...report, outcome: 'AlreadyStored' } } },
      ['True', 'Completed', 'Leave'],
    ],
    [
      'is good without anything to back up',
      { run: { type: 'Succeeded', report: { outcome: 'NothingToBackUp' } } },
      ['True', 'NothingToBackUp', 'Leave'],
    ],
    [
      'does not take the archive of another for its own',
      { run: { type: 'Succeeded', report: { ...report, uid: 'u-2' } } },
      ['False', 'Failed', 'Leave'],
    ],
    ['is not good without a report', { run: { type: 'Succeeded', report: {} } }, ['False', 'Failed', 'Leave']],
    [
      'runs again when the report was gone before it was read',
      { backup: running, run: { type: 'Succeeded', report: undefined } },
      ['Unknown', 'Running', 'Delete'],
    ],
    [
      'fails as its Job did',
      { run: { type: 'Failed', reason: 'StoreUnavailable', message: '503' } },
      ['False', 'StoreUnavailable', 'Leave'],
    ],
    ['waits for an instance that may come', { hasInstance: false }, ['Unknown', 'Pending', 'Leave']],
    ['gives up an instance that does not come', { hasInstance: false, now: start + 300_000 }, ['False', 'InstanceNotFound', 'Leave']],
    ['ends with its instance', { backup: running, hasInstance: false, run: { type: 'Active' } }, ['False', 'InstanceNotFound', 'Delete']],
  ])('%s', (_what, more, expected) => {
    expect(stateOf(more)).toEqual(expected)
  })

  it('is over for good: nothing that comes later changes its end', () => {
    const { status } = planBackup(seen({ run: { type: 'Failed', reason: 'Failed', message: 'no' } }))

    const later = planBackup(seen({ backup: backup(status), run: { type: 'Succeeded', report }, now: start + hour }))

    expect(later).toMatchObject({ status: { conditions: status.conditions }, job: 'Leave' })
  })

  it.each([
    ['2026-11-20T23:59:58Z', '2026-11-20T23:59:58Z'],
    ['2027-11-21T00:00:00Z', '2026-11-20T23:59:59Z'],
  ])('a run that says it was complete at %s was so at %s: the clock of its node may have jumped', (completionTime, expected) => {
    const run = { type: 'Succeeded', report: { ...report, completionTime }, finishedAt: '2026-11-20T23:59:59Z' } as const

    expect(planBackup(seen({ backup: running, run })).status.completionTime).toBe(expected)
  })
})
