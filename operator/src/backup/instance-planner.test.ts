import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { metaTime } from '../runtime/conditions.ts'
import { summariseBackups, type BackupEvidence, type PastRun } from './instance-planner.ts'

const day = 86_400_000
const hour = 3_600_000
const start = Date.parse('2026-11-21T00:20:00Z')
const spec: BackupEvidence['spec'] = {
  environment: 'Test',
  image: 'registry.example/notejam:1',
  database: { type: 'SQLite', sqlite: { storage: {} } },
  backup: { storeRef: { name: 'a' } },
}

const evidence = (more: Partial<BackupEvidence> = {}): BackupEvidence => ({
  spec,
  uid: 'u',
  generation: 1,
  before: undefined,
  runs: [],
  backups: [],
  suspended: undefined,
  since: metaTime(start),
  readable: true,
  unfitCopies: new Map(),
  now: start,
  ...more,
})
const good = (finishedAt: number): PastRun => ({
  kind: 'backup',
  finishedAt: metaTime(finishedAt),
  run: { type: 'Succeeded', report: { outcome: 'Succeeded', backupID: 'id' } },
  prune: { type: 'Succeeded', report: { kept: 3 } },
})
const bad = (finishedAt: number): PastRun => ({
  kind: 'backup',
  finishedAt: metaTime(finishedAt),
  run: { type: 'Failed', reason: 'StoreUnavailable', message: '503' },
  prune: { type: 'Absent' },
})
const stateOf = (more: Partial<BackupEvidence>, type = 'BackupCurrent') => {
  const found = summariseBackups(evidence(more)).conditions.find((condition) => condition.type === type)
  return [found?.status, found?.reason]
}

describe('summariseBackups', () => {
  it.each<[string, Partial<BackupEvidence>, readonly unknown[]]>([
    ['nothing was due yet', {}, ['Unknown', 'AwaitingFirst']],
    ['a good one is recent', { runs: [good(start)] }, ['True', 'Recent']],
    ['the last one failed', { runs: [good(start - hour), bad(start)] }, ['False', 'LastRunFailed']],
    ['a good one after a bad one', { runs: [bad(start - hour), good(start)] }, ['True', 'Recent']],
    ['none came', { now: start + 26 * hour }, ['False', 'Overdue']],
    ['one sleeps', { suspended: 'asleep', now: start + 9 * day }, ['True', 'NotRequired']],
  ])('%s', (_what, more, expected) => {
    expect(stateOf(more)).toEqual(expected)
  })

  it('is alert-worthy before 26 hours have passed since the last good daily backup, whenever that was, and wakes in time to say so', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: day - 1 }), fc.uuid(), (offset, uid) => {
        const last = start + offset
        const before = { lastSuccessful: metaTime(last), lastRunTime: metaTime(last) }
        const at = (now: number) => summariseBackups(evidence({ before, uid, now }))

        const late = at(last + 26 * hour - 60_000).conditions[0]
        let now = last
        for (let wakes = 0; wakes < 10 && at(now).conditions[0]?.reason !== 'Overdue'; wakes += 1) now = at(now).wakeAt ?? Infinity

        expect(late).toMatchObject({ status: 'False', reason: 'Overdue' })
        expect(now).toBeLessThan(last + 26 * hour)
        expect(at(last + hour).conditions[0]).toMatchObject({ status: 'True', reason: 'Recent' })
      }),
      { numRuns: 40 },
    )
  })

  it.each<[string, (hours: number) => Partial<BackupEvidence>]>([
    ['every run fails', (hours) => ({ runs: Array.from({ length: hours / 2 }, (_, index) => bad(start + (index + 1) * 2 * hour)) })],
    ['the CronJob never runs', () => ({})],
    ['the operator was away, and the Jobs of meanwhile are collected', () => ({ before: { lastSuccessful: metaTime(start) } })],
    ['no backup was ever good', () => ({ before: undefined })],
    [
      'the newest one bears a time of next year',
      () => ({ before: { lastSuccessful: metaTime(start + 365 * day) }, runs: [good(start + 300 * day)] }),
    ],
  ])('is alert-worthy 26 hours after the last good backup when %s', (_what, seen) => {
    const before = { lastSuccessful: metaTime(start), lastRunTime: metaTime(start) }

    expect(stateOf({ before, ...seen(26), now: start + 26 * hour })[0]).toBe('False')
    expect(stateOf({ before, ...seen(52), now: start + 52 * hour })).toEqual(['False', 'Overdue'])
  })

  it('goes by times that can have been, once the clock that had jumped is right again', () => {
    const future = metaTime(start + 365 * day)
    const before = { lastSuccessful: future, lastRunTime: future, lastVerified: future }
    const ahead = { ...good(start), run: { type: 'Succeeded', report: { outcome: 'Succeeded', completionTime: future } } } as const

    expect(summariseBackups(evidence({ before })).status).toMatchObject({ lastSuccessful: future })
    expect(summariseBackups(evidence({ before, runs: [good(start - hour)] })).status).toMatchObject({
      lastSuccessful: metaTime(start - hour),
    })
    expect(summariseBackups(evidence({ runs: [ahead] })).status).toMatchObject({ lastSuccessful: metaTime(start) })
    const failed = summariseBackups(evidence({ before, runs: [bad(start - hour)] })).status
    expect(failed).toMatchObject({ consecutiveFailures: 1, lastRunTime: metaTime(start - hour) })
    expect(summariseBackups(evidence({ before: failed, runs: [bad(start - hour)] })).status?.consecutiveFailures).toBe(1)
  })

  it('counts each failed run once, however often it is looked at, and whatever Jobs are collected meanwhile', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 3 }), (ends, kept) => {
        const runs = ends.map((isGood, index) => (isGood ? good : bad)(start + index * hour))
        let before: BackupEvidence['before']
        for (let index = 0; index < runs.length; index += 1) {
          // The CronJob keeps the newest few; two looks at the same are one.
          const visible = runs.slice(Math.max(0, index + 1 - kept), index + 1)
          before = summariseBackups(evidence({ before, runs: visible, now: start + day })).status
          before = summariseBackups(evidence({ before, runs: visible, now: start + day })).status
        }

        expect(before?.consecutiveFailures).toBe(ends.length - 1 - ends.lastIndexOf(true))
      }),
      { numRuns: 30 },
    )
  })

  it('keeps what collected Jobs said', () => {
    const seen = summariseBackups(evidence({ runs: [good(start)] })).status

    const later = summariseBackups(evidence({ before: seen, now: start + hour })).status

    expect(later).toMatchObject({ lastSuccessful: metaTime(start), lastBackupID: 'id', storedCount: 3 })
  })

  it('tells a second copy that fails from a backup that fails', () => {
    const copied = (state: string): PastRun => ({
      ...good(start),
      run: { type: 'Succeeded', report: { outcome: 'Succeeded', completionTime: metaTime(start), copies: [{ store: 'b', state }] } },
    })
    const two = { ...spec, backup: { storeRef: { name: 'a' }, secondStoreRef: { name: 'b' } } }

    expect(stateOf({ spec: two, runs: [copied('Stored')] }, 'SecondCopyCurrent')).toEqual(['True', 'Copied'])
    expect(stateOf({ spec: two, runs: [copied('Failed')] }, 'SecondCopyCurrent')).toEqual(['False', 'CopyFailed'])
    expect(stateOf({ spec: two, runs: [copied('Failed')] })).toEqual(['True', 'Recent'])
  })

  it('says that Production backs nothing up, and names a schedule that cannot be read', () => {
    const { backup: _none, ...without } = spec
    const odd = { ...spec, backup: { storeRef: { name: 'a' }, timeZone: 'Mars/Olympus' } }

    expect(stateOf({ spec: { ...without, environment: 'Production' } })).toEqual(['False', 'NoStore'])
    expect(stateOf({ spec: without })).toEqual([undefined, undefined])
    expect(summariseBackups(evidence({ spec: odd })).invalid).toContain('spec.backup')
  })
})
