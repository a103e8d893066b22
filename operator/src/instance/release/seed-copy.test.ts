import { describe, expect, it } from 'vitest'
import type { DatabaseIdentity, Environment, Operation } from '../../api/notejam.ts'
import type { JobState } from '../job-state.ts'
import { planRelease } from './plan.ts'
import { samplePolicy } from './sample-policy.ts'
import type { ReleaseObservation, Strategy } from './types.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const environments: Readonly<Record<Strategy, Environment>> = { Wipe: 'Development', Upgrade: 'Test', BackupThenMigrate: 'Production' }

/** An instance that wants a masked copy, and whose database holds so many accounts. */
interface World {
  readonly strategy: Strategy
  readonly accounts: number
  readonly observation: ReleaseObservation
}

function world(strategy: Strategy, accounts: number, more: Partial<ReleaseObservation> = {}): World {
  const environment = environments[strategy]
  const observation: ReleaseObservation = {
    ...{ instanceUID: 'uid', environment, image: 'notejam:1', retryToken: undefined, address: 'here', now },
    policy: { ...samplePolicy, strategy, seeds: true, seedsCopy: true },
    ...{ paused: false, stopped: false, wantsPods: true, blocked: false, appGone: true },
    ...{ release: undefined, operation: undefined, verifiedImages: [], identity: undefined, gate: undefined, approval: undefined },
    ...{ job: { type: 'Absent' }, jobUID: undefined, backup: { type: 'Unavailable' }, rolloutOf: () => ({ type: 'Complete' }) },
    ...more,
  }
  return { strategy, accounts, observation }
}

const markOf = (strategy: Strategy): DatabaseIdentity => ({ instanceUID: 'uid', environment: environments[strategy], fingerprint: 'f' })

/** The steps of a release each of which ends well, and what is there afterwards. */
function follow(seen: World): { readonly steps: readonly string[]; readonly after: ReleaseObservation } {
  const { observation, accounts, strategy } = seen
  const { release, operation, identity } = planRelease(observation)
  const next = { ...observation, release, operation, identity, appGone: operation?.step !== 'RollingOut' }
  if (operation === undefined) return { steps: [], after: next }
  const identified = accounts === 0 && identity === undefined ? {} : { identity: markOf(strategy) }
  const inspected = { database: accounts === 0 && identity === undefined ? ('empty' as const) : ('ours' as const), accounts, pending: 0 }
  const job: JobState =
    operation.step === 'Inspecting'
      ? { type: 'Succeeded', ...inspected, ...identified }
      : { type: 'Succeeded', ...(operation.step === 'Migrating' ? { identity: markOf(strategy) } : {}) }
  const { steps, after } = follow({ ...seen, observation: { ...next, job } })
  return { steps: [operation.step, ...steps], after }
}

describe('a release that begins with a masked copy', () => {
  it.each<[string, World, readonly string[]]>([
    ['Test, at its first start', world('Upgrade', 0), ['Inspecting', 'Migrating', 'Seeding', 'RollingOut']],
    ['Test, where somebody has an account already', world('Upgrade', 1), ['Inspecting', 'Migrating', 'RollingOut']],
    ['Development, at its first start', world('Wipe', 0), ['Migrating', 'Seeding', 'RollingOut']],
    [
      'an archive to begin with comes first',
      world('Upgrade', 0, { policy: { ...samplePolicy, seeds: true, seedsCopy: true, bootstraps: true } }),
      ['Restoring', 'Migrating', 'RollingOut'],
    ],
  ])('%s', (_what, seen, steps) => {
    expect(follow(seen).steps).toEqual(steps)
  })

  it('Test is not filled again by its next image, Development is', () => {
    const next = (strategy: Strategy) => {
      const { after } = follow(world(strategy, 0))
      return follow({ strategy, accounts: 9, observation: { ...after, image: 'notejam:2' } }).steps
    }

    expect(next('Upgrade')).toEqual(['Migrating', 'RollingOut', 'Verifying'])
    expect(next('Wipe')).toEqual(['Inspecting', 'Wiping', 'Migrating', 'Seeding', 'RollingOut'])
  })

  it('a second attempt takes the copy that the first did not get, and none over what the first left', () => {
    const failed = (accounts: number) => {
      const release = {
        counter: 1,
        history: [{ id: 'r1', image: 'notejam:1', result: 'Failed' as const, startTime: '', completionTime: '' }],
      }
      return follow(world('Upgrade', accounts, { release, identity: { ...markOf('Upgrade'), address: 'here' } })).steps
    }

    expect(failed(0)).toContain('Seeding')
    expect(failed(4)).not.toContain('Seeding')
  })

  it.each<[string, Partial<ReleaseObservation>]>([
    ['the Secret names another database', { identity: { ...markOf('Upgrade'), address: 'there' } }],
    ['the mark is of another instance', { identity: { ...markOf('Upgrade'), instanceUID: 'other', address: 'here' } }],
    ['no mark was seen', { identity: undefined }],
    ['it is Production', { environment: 'Production', identity: { ...markOf('Upgrade'), address: 'here' } }],
  ])('makes no Job when %s', (_what, more) => {
    const operation: Operation = {
      id: 'r1',
      version: 2,
      type: 'Release',
      strategy: 'Upgrade',
      step: 'Seeding',
      startTime: '2026-01-01T00:00:00Z',
    }
    const release = { counter: 1, target: { id: 'r1', image: 'notejam:1' } }

    const plan = planRelease(world('Upgrade', 0, { operation, release, ...more }).observation)

    expect([plan.job, plan.operation, plan.stall?.reason]).toEqual(['Leave', undefined, 'DatabaseFenced'])
  })

  it('says what filled the database', () => {
    const operation: Operation = {
      id: 'r1',
      version: 2,
      type: 'Release',
      strategy: 'Upgrade',
      step: 'Seeding',
      startTime: '2026-01-01T00:00:00Z',
    }
    const release = { counter: 1, target: { id: 'r1', image: 'notejam:1' } }

    const { events } = planRelease(world('Upgrade', 0, { operation, release, job: { type: 'Succeeded' } }).observation)

    expect(events[0]?.note).toContain('filled with a masked copy')
  })
})

describe('a release whose masked copy is not there yet', () => {
  const iso = (seconds: number) => new Date(now + seconds * 1000).toISOString()
  const policy = { ...samplePolicy, strategy: 'Upgrade' as const, seeds: true, seedsCopy: true, takesLatestCopy: true }
  const noCopy: JobState = { type: 'Failed', reason: 'SeedFailed', message: 'not in store', noBackupAt: iso(0) }
  const operation = (more: Partial<Operation> = {}): Operation => ({
    ...{ id: 'r1', version: 2, type: 'Release', strategy: 'Upgrade', step: 'Seeding', startTime: iso(-90), stepTime: iso(-60) },
    ...more,
  })
  const planAt = (seconds: number, more: Partial<ReleaseObservation>) => {
    const release = { counter: 1, target: { id: 'r1', image: 'notejam:1' } }
    const identity = { ...markOf('Upgrade'), address: 'here' }
    const base = { operation: operation(), release, identity, policy, job: noCopy, jobUID: 'job', now: now + seconds * 1000 }
    return planRelease(world('Upgrade', 0, { ...base, ...more }).observation)
  }
  const waiting = { reason: 'WaitingForMaskedCopy', message: 'not there', jobUID: 'job' }

  it('waits for as long as it has waited, then another Job looks', () => {
    const [early, due] = [planAt(59, {}), planAt(60, {})]
    const gone = planAt(61, { operation: due.operation, job: { type: 'Absent' }, jobUID: undefined })

    expect([early.job, early.wait?.reason, early.wakeAt, early.stall]).toEqual(['Leave', 'WaitingForMaskedCopy', now + 60_000, undefined])
    expect([due.job, gone.job, gone.wait?.reason, gone.operation?.jobUID]).toEqual([
      'Withdraw',
      'Create',
      'WaitingForMaskedCopy',
      undefined,
    ])
  })

  it.each<[string, Partial<ReleaseObservation>, string | undefined, string | undefined]>([
    ['says so while the next one looks', { operation: operation(waiting), job: { type: 'Running' } }, 'WaitingForMaskedCopy', undefined],
    ['and before it begins', { operation: operation(waiting), job: { type: 'Pending' } }, 'WaitingForMaskedCopy', undefined],
    ['makes way for another image', { operation: operation(waiting), image: 'notejam:2' }, undefined, undefined],
    [
      'ends when another fault shows',
      { operation: operation(waiting), job: { type: 'Failed', reason: 'SeedFailed', message: 'no', timedOut: true } },
      undefined,
      'SeedFailed',
    ],
    ['ends at once where a copy was named', { policy: { ...policy, takesLatestCopy: false } }, undefined, 'SeedFailed'],
  ])('%s', (_what, more, wait, stall) => {
    const plan = planAt(1, more)

    expect([plan.wait?.reason, plan.stall?.reason, plan.operation === undefined]).toEqual([wait, stall, wait === undefined])
  })
})
