import { describe, expect, it } from 'vitest'
import type { Operation, ReleaseStatus } from '../../api/notejam.ts'
import type { JobState } from '../job-state.ts'
import { planRelease } from './plan.ts'
import { samplePolicy as policy } from './sample-policy.ts'
import type { ReleaseObservation, ReleasePlan, Strategy } from './types.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const uid = '0123abcd-1111-4222-8333-444455556666'
const release: ReleaseStatus = { counter: 1, current: { id: 'r1', image: 'notejam:1' } }
const identity = { instanceUID: 'uid', environment: 'Test', fingerprint: 'f', address: 'here' }

const observe = (more: Partial<ReleaseObservation> = {}): ReleaseObservation => ({
  ...{ instanceUID: 'uid', environment: 'Test', image: 'notejam:1', retryToken: undefined, policy, paused: false, stopped: false },
  ...{ wantsPods: true, blocked: false, release, operation: undefined, verifiedImages: [], identity, address: 'here' },
  ...{ job: { type: 'Absent' }, jobUID: undefined, backup: { type: 'Absent' }, appGone: false, gate: undefined, approval: undefined, now },
  rolloutOf: () => ({ type: 'NotApplied' }),
  restore: { uid, name: 'back' },
  ...more,
})
const at = (step: Operation['step'], more: Partial<Operation> = {}): Operation => ({
  ...{ id: 'restore-0123abcd', version: 2, type: 'Restore', step, startTime: '2026-01-01T00:00:00Z' },
  ...more,
})
const summary = ({ operation, job, backup, stopApp, lastRestore }: ReleasePlan) =>
  [
    operation?.step ?? 'idle',
    job === 'Create' ? 'makes a Job' : undefined,
    backup === 'Create' ? 'makes a backup' : undefined,
    stopApp ? 'no pods' : undefined,
    operation?.reason,
    lastRestore === undefined ? undefined : `${lastRestore.result} ${lastRestore.reason ?? ''}`.trim(),
  ]
    .filter((part) => part !== undefined)
    .join(', ')

const good: JobState = { type: 'Succeeded', restored: { backupID: 'b', rows: 3 } }
const bad: JobState = { type: 'Failed', reason: 'RestoreFailed', message: 'no' }
const complete = () => ({ type: 'Complete' }) as const

describe('a restore in place', () => {
  it.each<[string, Partial<ReleaseObservation>, string]>([
    ['begins with a backup', {}, 'BackingUp, makes a backup'],
    ['waits for a backup that runs', { backupRuns: 'Job x' }, 'idle'],
    ['waits for the second after it was asked for', { restore: { uid, name: 'back', notBefore: now + 1 } }, 'idle'],
    ['does not wait any longer', { restore: { uid, name: 'back', notBefore: now } }, 'BackingUp, makes a backup'],
    ['waits while something is missing', { blocked: true }, 'idle'],
    ['waits while paused', { paused: true }, 'idle'],
    ['is refused before the mark was seen', { identity: undefined }, 'idle, Failed Fenced'],
    ['is refused at the mark of another', { identity: { ...identity, instanceUID: 'other' } }, 'idle, Failed Fenced'],
    ['is refused at another address', { address: 'there' }, 'idle, Failed Fenced'],
    ['is refused without a release', { release: { counter: 1 } }, 'idle, Failed Failed'],
    ['makes its backup anew where it is not there', { operation: at('BackingUp') }, 'BackingUp, makes a backup'],
    ['waits for it', { operation: at('BackingUp'), backup: { type: 'Running' } }, 'BackingUp'],
    ['stops the app then', { operation: at('BackingUp'), backup: { type: 'Succeeded' } }, 'Stopping, no pods'],
    [
      'changes nothing when it failed',
      { operation: at('BackingUp'), backup: { type: 'Failed', message: 'm' } },
      'RollingOut, SafetyBackupFailed',
    ],
    ['waits for the last pod', { operation: at('Stopping') }, 'Stopping, no pods'],
    ['restores when no pod is left', { operation: at('Stopping'), appGone: true }, 'Restoring, makes a Job, no pods'],
    ['does not restore while something reads', { operation: at('Restoring'), backupRuns: 'Job x' }, 'Restoring, no pods'],
    ['makes no second Job', { operation: at('Restoring', { jobUID: 'j' }) }, 'RollingOut, RestoreFailed'],
    ['migrates what was restored', { operation: at('Restoring'), job: good }, 'Migrating, makes a Job, no pods'],
    ['brings the app back when it failed', { operation: at('Restoring'), job: bad }, 'RollingOut, RestoreFailed'],
    ['says that the fence was shut', { operation: at('Restoring'), job: { ...bad, reason: 'DatabaseFenced' } }, 'RollingOut, Fenced'],
    ['brings the app back when it is migrated', { operation: at('Migrating'), job: { type: 'Succeeded' } }, 'RollingOut'],
    ['brings the app back when it is not', { operation: at('Migrating'), job: bad }, 'RollingOut, MigrationFailed'],
    ['waits for the pods', { operation: at('RollingOut') }, 'RollingOut'],
    ['ends with them', { operation: at('RollingOut'), rolloutOf: complete }, 'idle, Succeeded'],
    ['does not wait for pods after a failure', { operation: at('RollingOut', { reason: 'RestoreFailed' }) }, 'idle, Failed RestoreFailed'],
    ['ends as it failed', { operation: at('RollingOut', { reason: 'RestoreFailed' }), rolloutOf: complete }, 'idle, Failed RestoreFailed'],
    [
      'ends when the pods do not come in time',
      {
        operation: at('RollingOut', { stepTime: '2025-12-31T23:54:59Z' }),
        rolloutOf: () => ({ type: 'Progressing', degraded: true, message: 'm' }),
      },
      'idle, Failed RolloutFailed',
    ],
    [
      'ends when the pods do not come',
      { operation: at('RollingOut'), rolloutOf: () => ({ type: 'Failed', reason: 'RolloutDeadlineExceeded', message: 'm' }) },
      'idle, Failed RolloutFailed',
    ],
  ])('%s', (_what, more, expected) => {
    expect(summary(planRelease(observe(more)))).toBe(expected)
  })

  it('takes down the mark that the database has afterwards', () => {
    const { address: _address, ...mark } = { ...identity, fingerprint: 'another' }

    const plan = planRelease(observe({ operation: at('Migrating'), job: { type: 'Succeeded', identity: mark } }))

    expect(plan.identity).toEqual({ ...mark, address: 'here' })
  })

  it('takes down what was restored, by the UID of its NotejamRestore', () => {
    const operation = at('RollingOut', { restored: { backupID: 'b', rows: 3 } })

    expect(planRelease(observe({ operation, rolloutOf: complete })).lastRestore).toMatchObject({ uid, backupID: 'b', rows: 3 })
  })
})

describe('an instance that begins with an archive', () => {
  /** The steps of the first release, each of which ends well. */
  const follow = (observation: ReleaseObservation): readonly string[] => {
    const { release: next, operation, identity: mark } = planRelease(observation)
    if (operation === undefined) return []
    const { environment, policy: asked } = observation
    const found =
      asked.bootstraps === true ? { identity: { ...identity, environment }, database: 'ours' as const } : { database: 'empty' as const }
    const job: JobState = { type: 'Succeeded', pending: 0, ...found }
    return [operation.step, ...follow({ ...observation, release: next, operation, identity: mark, job, rolloutOf: complete })]
  }
  const steps = (strategy: Strategy, bootstraps: boolean, mark?: typeof identity): readonly string[] =>
    follow(
      observe({
        ...{ release: undefined, identity: mark, restore: undefined, appGone: true, wantsPods: false },
        policy: { ...policy, strategy, seeds: strategy !== 'BackupThenMigrate', bootstraps },
        environment: strategy === 'Wipe' ? 'Development' : 'Test',
      }),
    )

  it.each<[Strategy, readonly string[], readonly string[]]>([
    ['Wipe', ['Restoring', 'Migrating', 'RollingOut'], ['Migrating', 'Seeding', 'RollingOut']],
    ['Upgrade', ['Restoring', 'Migrating', 'RollingOut'], ['Migrating', 'Seeding', 'RollingOut']],
    ['BackupThenMigrate', ['Restoring', 'Inspecting', 'Migrating', 'RollingOut'], ['Inspecting', 'Migrating', 'RollingOut']],
  ])('%s: restores first, and neither wipes nor seeds', (strategy, withArchive, without) => {
    expect(steps(strategy, true)).toEqual(withArchive)
    expect(steps(strategy, false)).toEqual(without)
  })

  it('is not wiped by another attempt either, when its mark is known', () => {
    expect(steps('Wipe', true, { ...identity, environment: 'Development' })).toEqual(['Restoring', 'Inspecting', 'Migrating', 'RollingOut'])
  })
})
