import { describe, expect, it } from 'vitest'
import type { BackupStatus } from '../api/notejam.ts'
import { lastBackupConditions, planLastBackup, type LastBackupObservation } from './last-backup-planner.ts'

const deletedAt = Date.parse('2026-11-21T12:00:00Z')

function backup(status?: 'True' | 'False' | 'Unknown'): LastBackupObservation['backup'] {
  const state = { type: 'Succeeded', reason: 'StoreUnavailable', message: '503', lastTransitionTime: '2026-11-21T12:00:00Z' }
  const conditions: NonNullable<BackupStatus['conditions']> = status === undefined ? [] : [{ ...state, status }]
  return { metadata: { name: 'notes-last-0d2f1c9a' }, status: { conditions } }
}

const seen = (more: Partial<LastBackupObservation> = {}): LastBackupObservation => ({
  ...{ hasData: true, writers: [], pods: [], backup: undefined, deletedAt, now: deletedAt },
  ...more,
})

describe('planLastBackup', () => {
  it.each<[string, Partial<LastBackupObservation>, string]>([
    ['stops who writes before anything else', { writers: ['Deployment notes'], pods: ['notes-1'] }, 'Stop'],
    ['waits for the pods that may still write', { pods: ['notes-1'] }, 'Wait'],
    ['waits for none that do not come to their end', { pods: ['notes-1'], now: deletedAt + 300_000 }, 'Create'],
    ['takes the backup when nobody writes any more', {}, 'Create'],
    ['waits for a backup that was just made', { backup: backup() }, 'Wait'],
    ['waits while it runs', { backup: backup('Unknown') }, 'Wait'],
    ['ends when it is complete', { backup: backup('True') }, 'Finish'],
    ['holds the instance when it failed', { backup: backup('False') }, 'Hold'],
    ['holds it however long that is ago', { backup: backup('False'), now: deletedAt + 1e9 }, 'Hold'],
    ['takes another when a person deleted the one that failed', { backup: undefined, now: deletedAt + 1e9 }, 'Create'],
    ['stops who came up again before it waits', { backup: backup('Unknown'), writers: ['CronJob notes-backup'] }, 'Stop'],
    ['needs no backup where there was never a database', { hasData: false }, 'Finish'],
    ['waits for a backup that there is, whatever else is known', { hasData: false, backup: backup('Unknown') }, 'Wait'],
  ])('%s', (_what, more, expected) => {
    expect(planLastBackup(seen(more)).type).toBe(expected)
  })

  it('says what failed and what to do', () => {
    const plan = planLastBackup(seen({ backup: backup('False') }))

    expect(plan).toMatchObject({ message: expect.stringMatching(/503.*Delete NotejamBackup notes-last-0d2f1c9a.*spec\.deletionPolicy/) })
  })
})

describe('lastBackupConditions', () => {
  it.each([
    ['Wait', 'Unknown', 'Deleting', 'AwaitingLastBackup', 'True', 'False'],
    ['Hold', 'False', 'LastBackupFailed', 'LastBackupFailed', 'False', 'True'],
  ] as const)('of %s: never stalled and at work at once', (type, ready, reason, blocked, reconciling, stalled) => {
    const states = lastBackupConditions({ type, message: 'so it is' }, 3)

    const find = (wanted: string) => states.find((state) => state.type === wanted)
    expect(find('Ready')).toMatchObject({ status: ready, reason, message: 'so it is', observedGeneration: 3 })
    expect(find('DeletionBlocked')).toMatchObject({ status: 'True', reason: blocked })
    expect(find('Reconciling')?.status).toBe(reconciling)
    expect(find('Stalled')?.status).toBe(stalled)
  })
})
