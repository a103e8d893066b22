import { describe, expect, it } from 'vitest'
import { metaTime } from '../runtime/conditions.ts'
import { summariseBackups, type BackupEvidence, type PastRun } from './instance-planner.ts'

const hour = 3_600_000
/** A Sunday, when copies are due. */
const start = Date.parse('2026-11-22T05:00:00Z')
const copyOf = (name: string) => ({ name, storeRef: { name: 'for-test' }, recipients: ['age1test'], schedule: '0 5 * * 0' })
const spec = (...names: string[]): BackupEvidence['spec'] => ({
  environment: 'Production',
  image: 'registry.example/notejam:1',
  database: { type: 'PostgreSQL', external: { secretRef: { name: 'db' } } },
  backup: { storeRef: { name: 'a' }, ...(names.length === 0 ? {} : { maskedCopies: names.map(copyOf) }) },
})
const summary = (more: Partial<BackupEvidence> = {}) =>
  summariseBackups({
    spec: spec('test'),
    uid: 'u',
    generation: 1,
    before: undefined,
    runs: [],
    backups: [],
    suspended: undefined,
    since: metaTime(start - 30 * 24 * hour),
    readable: true,
    unfitCopies: new Map(),
    now: start + hour,
    ...more,
  })
const stateOf = (more: Partial<BackupEvidence>) => {
  const found = summary(more).conditions.find(({ type }) => type === 'MaskedCopiesCurrent')
  return found === undefined ? undefined : [found.status, found.reason]
}
const run = (at: number, more: Partial<PastRun> = {}): PastRun => ({
  kind: 'mask',
  copy: 'test',
  finishedAt: metaTime(at),
  run: { type: 'Succeeded', report: { outcome: 'Masked', backupID: `copy-${metaTime(at)}` } },
  prune: { type: 'Absent' },
  ...more,
})
const failed: Partial<PastRun> = { run: { type: 'Failed', reason: 'Failed', message: 'column notes.secret is not classified' } }

describe('masked copies in the summary of backups', () => {
  it.each<[string, Partial<BackupEvidence>, readonly string[] | undefined]>([
    ['none is declared', { spec: spec() }, undefined],
    ['none was made yet', {}, ['Unknown', 'AwaitingFirst']],
    ['one was made', { runs: [run(start)] }, ['True', 'Copied']],
    ['the run after it failed', { runs: [run(start - hour), run(start, failed)] }, ['False', 'CopyFailed']],
    ['one was made after a failure', { runs: [run(start - hour, failed), run(start)] }, ['True', 'Copied']],
    ['the next one did not come', { runs: [run(start)], now: start + (7 * 24 + 2) * hour }, ['False', 'Overdue']],
    ['none comes while the instance sleeps', { runs: [run(start)], suspended: 'asleep', now: start + 9 * 24 * hour }, ['True', 'Copied']],
    ['it must not be made', { runs: [run(start)], unfitCopies: new Map([['test', 'no']]) }, ['False', 'InvalidCopy']],
    ['one of two was made', { spec: spec('test', 'dev'), runs: [run(start)] }, ['Unknown', 'AwaitingFirst']],
    ['what runs are of another copy', { runs: [run(start, { copy: 'other' })] }, ['Unknown', 'AwaitingFirst']],
  ])('%s', (_what, more, expected) => {
    expect(stateOf(more)).toEqual(expected)
  })

  it('keeps when a copy was made after its Job is gone, and forgets one that is not declared any more', () => {
    const first = summary({ runs: [run(start)] }).status

    const later = summary({ before: first }).status
    const gone = summary({ before: first, spec: spec() }).status

    expect(later?.maskedCopies).toEqual([{ name: 'test', lastSuccessful: metaTime(start), lastBackupID: `copy-${metaTime(start)}` }])
    expect(gone?.maskedCopies).toBeUndefined()
  })

  it('is no backup: what is due of backups is due all the same', () => {
    const { status, conditions } = summary({ runs: [run(start)] })

    expect(status?.lastSuccessful).toBeUndefined()
    expect(conditions.find(({ type }) => type === 'BackupCurrent')?.status).toBe('False')
  })

  it('wakes when the next copy becomes overdue', () => {
    const { wakeAt } = summary({ runs: [run(start)], now: start + 6 * 24 * hour })

    expect(wakeAt).toBeLessThanOrEqual(start + (7 * 24 + 2) * hour)
  })
})
