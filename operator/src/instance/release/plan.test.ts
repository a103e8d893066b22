import { describe, expect, it } from 'vitest'
import type { DatabaseIdentity, Operation, ReleaseStatus } from '../../api/notejam.ts'
import type { RolloutState } from '../rollout.ts'
import { planRelease } from './plan.ts'
import { samplePolicy as policy } from './sample-policy.ts'
import type { ReleaseObservation, ReleasePlan, Strategy } from './types.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const digestOf = (image: string) => `sha256:${Buffer.from(image).toString('hex').padEnd(64, '0').slice(0, 64)}`

function observe(changes: Partial<ReleaseObservation> = {}): ReleaseObservation {
  return {
    instanceUID: 'uid',
    environment: 'Test',
    image: 'notejam:1',
    retryToken: undefined,
    policy,
    paused: false,
    stopped: false,
    wantsPods: true,
    blocked: false,
    release: undefined,
    operation: undefined,
    verifiedImages: [],
    identity: undefined,
    address: 'here',
    job: { type: 'Absent' },
    jobUID: undefined,
    backup: { type: 'Unavailable' },
    appGone: false,
    rolloutOf: () => ({ type: 'NotApplied' }),
    gate: undefined,
    approval: undefined,
    now,
    ...changes,
  }
}

const served: ReleaseStatus = { counter: 1, current: { id: 'r1', image: 'notejam:1', digest: digestOf('notejam:1') } }
const at = (step: Operation['step'], more: Partial<Operation> = {}): Operation => ({
  id: 'r2',
  version: 1,
  type: 'Release',
  step,
  startTime: '2026-01-01T00:00:00Z',
  ...more,
})
const second: Partial<ReleaseObservation> = {
  image: 'notejam:2',
  release: { ...served, counter: 2, target: { id: 'r2', image: 'notejam:2' } },
}

/** What a plan comes to, in one line. */
function summary({ operation, job, deploy, stall, wait, release }: ReleasePlan): string {
  const journal = operation === undefined ? 'idle' : `${operation.id} ${operation.step}`
  const last = release.history?.[0]
  const parts = [
    journal,
    job,
    `deploys ${deploy?.image.slice(0, 20) ?? 'nothing'}`,
    stall?.reason,
    wait?.reason,
    last === undefined ? undefined : `${last.id} ${last.result}`,
  ]
  return parts.filter((part) => part !== undefined).join(', ')
}

const pinned1 = 'notejam@sha256:6e6f7'.slice(0, 20)

describe('planRelease', () => {
  it.each<[string, Partial<ReleaseObservation>, string]>([
    ['begins with the first image', {}, 'r1 Migrating, Create, deploys nothing'],
    ['begins nothing while something is missing', { blocked: true }, 'idle, Leave, deploys nothing'],
    ['begins nothing while paused', { paused: true }, 'idle, Leave, deploys nothing'],
    ['rests at the image of the spec', { release: served }, `idle, Leave, deploys ${pinned1}`],
    [
      'begins a release for a new image, and keeps serving',
      { image: 'notejam:2', release: served },
      `r2 Migrating, Create, deploys ${pinned1}`,
    ],
    ['waits for the Job', { ...second, operation: at('Migrating'), job: { type: 'Running' } }, `r2 Migrating, Leave, deploys ${pinned1}`],
    [
      'makes the Job again that was journalled and is not there',
      { ...second, operation: at('Migrating') },
      `r2 Migrating, Create, deploys ${pinned1}`,
    ],
    [
      'never makes a Job again that was there',
      { ...second, operation: at('Migrating', { jobUID: 'u' }) },
      `idle, Leave, deploys ${pinned1}, MigrationFailed, r2 Failed`,
    ],
    [
      'rolls out the digest that the Job ran',
      { ...second, operation: at('Migrating'), job: { type: 'Succeeded', digest: digestOf('x') } },
      `r2 RollingOut, Leave, deploys ${`notejam@${digestOf('x')}`.slice(0, 20)}`,
    ],
    [
      'gives a failed migration up, and keeps serving',
      { ...second, operation: at('Migrating'), job: { type: 'Failed', reason: 'SchemaDrifted', message: 'exit code 4' } },
      `idle, Leave, deploys ${pinned1}, SchemaDrifted, r2 Failed`,
    ],
    [
      'says at once that an image cannot be pulled, and goes on waiting',
      { ...second, operation: at('Migrating'), job: { type: 'Pending', problem: { kind: 'ImagePull', message: 'not found' } } },
      `r2 Migrating, Leave, deploys ${pinned1}, ImagePullFailed`,
    ],
    [
      'takes a Job back that has touched nothing, when another image is wanted',
      { ...second, image: 'notejam:3', operation: at('Migrating'), job: { type: 'Pending' } },
      `r2 Withdrawing, Withdraw, deploys ${pinned1}`,
    ],
    [
      'lets a running Job end, when another image is wanted',
      { ...second, image: 'notejam:3', operation: at('Migrating'), job: { type: 'Running' } },
      `r2 Migrating, Leave, deploys ${pinned1}`,
    ],
    [
      'ends a withdrawn release once its Job is gone, even if its image is wanted again',
      { ...second, operation: at('Withdrawing', { jobUID: 'u' }) },
      `idle, Leave, deploys ${pinned1}, r2 Superseded`,
    ],
    [
      'tries the pages after the roll-out of an upgrade',
      { ...second, operation: at('RollingOut'), rolloutOf: () => ({ type: 'Complete' }) },
      'r2 Verifying, Create, deploys notejam:2',
    ],
    [
      'is done when they work',
      { ...second, operation: at('Verifying'), job: { type: 'Succeeded' } },
      'idle, Leave, deploys notejam:2, r2 Succeeded',
    ],
    [
      'has no pages to try while no pod is wanted',
      { ...second, wantsPods: false, operation: at('RollingOut'), rolloutOf: () => ({ type: 'Complete' }) },
      'idle, Leave, deploys notejam:2, r2 Succeeded',
    ],
    [
      'puts the image before back when they do not work',
      { ...second, operation: at('Verifying'), job: { type: 'Failed', reason: 'VerificationFailed', message: 'step: sign in' } },
      `r2 RollingBack, Leave, deploys ${pinned1}`,
    ],
    [
      'leaves a failed roll-out to a person who asked for it',
      {
        ...second,
        policy: { ...policy, rollback: 'Manual' },
        operation: at('RollingOut'),
        rolloutOf: () => ({ type: 'Failed', reason: 'RolloutCrashed', message: 'exit code 1' }),
      },
      'r2 RollingOut, Leave, deploys notejam:2, RolloutCrashed',
    ],
    [
      'puts it back when that person asks for the image before',
      {
        ...second,
        image: 'notejam:1',
        policy: { ...policy, rollback: 'Manual' },
        operation: at('RollingOut'),
        rolloutOf: () => ({ type: 'Failed', reason: 'RolloutCrashed', message: 'exit code 1' }),
      },
      `idle, Leave, deploys ${pinned1}, r2 Failed`,
    ],
    ['does not begin while hibernated', { image: 'notejam:2', release: served, stopped: true }, `idle, Leave, deploys ${pinned1}`],
    ['waits for the gate, also with the first image', { gate: 'not verified yet' }, 'idle, Leave, deploys nothing, WaitingForGate'],
    [
      'waits for an approval',
      { image: 'notejam:2', release: served, policy: { ...policy, updatePolicy: 'OnApproval', approvedImage: 'notejam:1' } },
      `idle, Leave, deploys ${pinned1}, WaitingForApproval`,
    ],
    [
      'begins with the approval of this very image',
      {
        image: 'notejam:2',
        release: served,
        policy: { ...policy, updatePolicy: 'OnApproval', approvedImage: 'notejam:2' },
        approval: { manager: 'kubectl-edit' },
      },
      `r2 Migrating, Create, deploys ${pinned1}`,
    ],
    [
      'waits for a window',
      {
        image: 'notejam:2',
        release: served,
        policy: { ...policy, updatePolicy: 'InWindow', windows: [{ schedule: '0 2 * * *', durationSeconds: 900 }] },
      },
      `idle, Leave, deploys ${pinned1}, WaitingForWindow`,
    ],
    [
      'begins in a window',
      {
        image: 'notejam:2',
        release: served,
        policy: { ...policy, updatePolicy: 'InWindow', windows: [{ schedule: '50 23 * * *', durationSeconds: 900 }] },
      },
      `r2 Migrating, Create, deploys ${pinned1}`,
    ],
    [
      'says that a time zone cannot be read',
      {
        image: 'notejam:2',
        release: served,
        policy: { ...policy, updatePolicy: 'InWindow', windows: [{ schedule: '0 2 * * *', durationSeconds: 900, timeZone: 'Moon/Sea' }] },
      },
      `idle, Leave, deploys ${pinned1}, InvalidSchedule`,
    ],
    [
      'takes in nothing more with Never',
      { image: 'notejam:2', release: served, policy: { ...policy, updatePolicy: 'Never' } },
      `idle, Leave, deploys ${pinned1}, Waiting`,
    ],
    ['takes the first image in even with Never', { policy: { ...policy, updatePolicy: 'Never' } }, 'r1 Migrating, Create, deploys nothing'],
    [
      'removes what the release before left, by its own image, before it migrates',
      { image: 'notejam:2', release: { ...served, current: { ...served.current, image: 'notejam:1', pendingContract: 1 } } },
      `r2 Contracting, Create, deploys ${pinned1}`,
    ],
    [
      'goes through the steps again from one that it does not know',
      { ...second, operation: at('Smoking') },
      `r2 Migrating, Create, deploys ${pinned1}`,
    ],
    [
      'puts the image before back when the roll-out failed',
      { ...second, operation: at('RollingOut'), rolloutOf: () => ({ type: 'Failed', reason: 'RolloutCrashed', message: 'exit code 1' }) },
      `r2 RollingBack, Leave, deploys ${pinned1}`,
    ],
    [
      'ends the roll-back once the image before serves',
      {
        ...second,
        operation: at('RollingBack', { reason: 'RolloutCrashed', message: 'exit code 1' }),
        rolloutOf: () => ({ type: 'Complete' }),
      },
      `idle, Leave, deploys ${pinned1}, RolloutCrashed, r2 RolledBack`,
    ],
    [
      'waits for a first image that does not come up, for there is none before it',
      {
        release: { counter: 1, target: { id: 'r1', image: 'notejam:1' } },
        operation: at('RollingOut', { id: 'r1' }),
        rolloutOf: () => ({ type: 'Failed', reason: 'RolloutCrashed', message: 'exit code 1' }),
      },
      'r1 RollingOut, Leave, deploys notejam:1, RolloutCrashed',
    ],
    [
      'replaces a first image that does not come up',
      {
        image: 'notejam:2',
        release: { counter: 1, target: { id: 'r1', image: 'notejam:1' } },
        operation: at('RollingOut', { id: 'r1' }),
        rolloutOf: () => ({ type: 'Failed', reason: 'RolloutCrashed', message: 'exit code 1' }),
      },
      'idle, Leave, deploys nothing, r1 Failed',
    ],
    [
      'does not move while paused',
      { ...second, paused: true, operation: at('Migrating'), job: { type: 'Succeeded' } },
      `r2 Migrating, Leave, deploys ${pinned1}`,
    ],
    [
      'does not try a bad image again',
      { ...second, release: { ...served, counter: 2, rejected: [{ image: 'notejam:2', reason: 'MigrationFailed' }] } },
      `idle, Leave, deploys ${pinned1}, MigrationFailed`,
    ],
    [
      'knows a bad image by its digest under another name too',
      {
        image: `mirror.example/notejam@${digestOf('bad')}`,
        release: { ...served, counter: 2, rejected: [{ image: 'notejam:2', digest: digestOf('bad'), reason: 'MigrationFailed' }] },
      },
      `idle, Leave, deploys ${pinned1}, MigrationFailed`,
    ],
    [
      'tries it again as another attempt when the token changes',
      {
        ...second,
        retryToken: 'again',
        release: {
          ...served,
          counter: 2,
          history: [{ id: 'r2', image: 'notejam:2', result: 'Failed' }],
          rejected: [{ image: 'notejam:2', reason: 'MigrationFailed' }],
        },
      },
      `r2-2 Migrating, Create, deploys ${pinned1}, r2 Failed`,
    ],
    [
      'gives each further attempt a name of its own, so that it gets a Job of its own',
      {
        ...second,
        retryToken: 'once more',
        release: {
          ...served,
          counter: 2,
          history: [{ id: 'r2-2', image: 'notejam:2', result: 'Failed' }],
          rejected: [{ image: 'notejam:2', reason: 'MigrationFailed' }],
        },
      },
      `r2-3 Migrating, Create, deploys ${pinned1}, r2-2 Failed`,
    ],
  ])('%s', (_title, changes, expected) => {
    const plan = planRelease(observe(changes))

    expect(summary(plan)).toBe(expected)
  })

  it('tells why a migration ran out of time, when its image could not be pulled', () => {
    const operation = at('Migrating', { reason: 'ImagePullFailed', message: 'manifest unknown' })

    const plan = planRelease(
      observe({ ...second, operation, job: { type: 'Failed', reason: 'MigrationTimedOut', message: 'too late', timedOut: true } }),
    )

    expect(plan.stall).toEqual({ reason: 'ImagePullFailed', message: 'too late; manifest unknown' })
  })
})

describe('a deferred contract', () => {
  const pending: ReleaseStatus = {
    ...served,
    current: { id: 'r1', image: 'notejam:1', pendingContract: 2, since: '2026-01-01T00:00:00Z' },
  }
  const week = 604_800_000
  const complete = { rolloutOf: () => ({ type: 'Complete' }) as const }

  it('waits its time, and says when to look again', () => {
    const plan = planRelease(observe({ release: pending, ...complete, now: now + week - 1000 }))

    expect(summary(plan)).toBe('idle, Leave, deploys notejam:1')
    expect(plan.wakeAt).toBe(now + week)
  })

  it('runs then, once, while what serves goes on', () => {
    const due = planRelease(observe({ release: pending, ...complete, now: now + week }))
    const done = planRelease(
      observe({ release: due.release, operation: due.operation, ...complete, job: { type: 'Succeeded', pendingContract: 0 }, jobUID: 'u' }),
    )

    expect(summary(due)).toBe('r1 Contracting, Create, deploys notejam:1')
    expect(done.release.current?.pendingContract).toBeUndefined()
    expect(summary(planRelease(observe({ release: done.release, ...complete, now: now + 2 * week })))).toBe(
      'idle, Leave, deploys notejam:1',
    )
  })

  it('does not begin while pods of another template are there', () => {
    const plan = planRelease(observe({ release: pending, now: now + week }))

    expect(plan.operation).toBeUndefined()
  })

  it('is reported when it fails, and not repeated before the next release', () => {
    const operation: Operation = { ...at('Contracting', { id: 'r1' }), type: 'Contract' }
    const failed = planRelease(
      observe({ release: pending, operation, job: { type: 'Failed', reason: 'MigrationFailed', message: 'exit code 1' } }),
    )

    expect(failed.release.current?.contractFailure).toBe('exit code 1')
    expect(failed.release.rejected).toBeUndefined()
    expect(planRelease(observe({ release: failed.release, ...complete, now: now + week })).operation).toBeUndefined()
  })
})

describe('a wipe', () => {
  const identity: DatabaseIdentity = { instanceUID: 'uid', environment: 'Development', fingerprint: 'f', address: 'here' }
  const wipe = (step: Operation['step'], more: Partial<ReleaseObservation> = {}): ReleaseObservation =>
    observe({
      ...second,
      environment: 'Development',
      policy: { ...policy, strategy: 'Wipe' },
      identity,
      operation: at(step, { strategy: 'Wipe' }),
      ...more,
    })
  const seen = (mark: Partial<DatabaseIdentity>) => ({ type: 'Succeeded', database: 'ours', identity: { ...identity, ...mark } }) as const

  it.each<[string, ReleaseObservation, string]>([
    [
      'first looks at the database with the new image',
      { ...wipe('Inspecting'), release: served, operation: undefined },
      'r2 Inspecting, Create',
    ],
    ['stops the app when the mark is its own', wipe('Inspecting', { job: seen({}) }), 'r2 Stopping, Leave'],
    ['waits for the last pod', wipe('Stopping'), 'r2 Stopping, Leave'],
    ['begins when it is gone', wipe('Stopping', { appGone: true }), 'r2 Wiping, Create'],
    ['migrates after it', wipe('Wiping', { job: { type: 'Succeeded' } }), 'r2 Migrating, Create'],
    [
      'is refused with the mark of another instance',
      wipe('Inspecting', { job: seen({ instanceUID: 'other' }) }),
      'idle, Leave, DatabaseFenced',
    ],
    [
      'is refused with the mark of another environment',
      wipe('Inspecting', { job: seen({ environment: 'Production' }) }),
      'idle, Leave, DatabaseFenced',
    ],
    ['is refused with another fingerprint', wipe('Inspecting', { job: seen({ fingerprint: 'g' }) }), 'idle, Leave, DatabaseFenced'],
    ['is refused without a mark', wipe('Inspecting', { job: { type: 'Succeeded', database: 'ours' } }), 'idle, Leave, DatabaseFenced'],
    [
      'is refused beside tables of somebody else',
      wipe('Inspecting', { job: { type: 'Succeeded', database: 'foreign' } }),
      'idle, Leave, DatabaseFenced',
    ],
    ['is refused when the Secret names another database meanwhile', wipe('Wiping', { address: 'there' }), 'idle, Leave, DatabaseFenced'],
    [
      'is refused outside Development, whatever the strategy says',
      wipe('Wiping', { environment: 'Production' }),
      'idle, Leave, DatabaseFenced',
    ],
    [
      'does not run twice when its Job was deleted',
      wipe('Wiping', { operation: at('Wiping', { strategy: 'Wipe', jobUID: 'u' }) }),
      'idle, Leave, MigrationFailed',
    ],
  ])('%s', (_title, observation, expected) => {
    const plan = planRelease(observation)

    const parts = [plan.operation === undefined ? 'idle' : `${plan.operation.id} ${plan.operation.step}`, plan.job, plan.stall?.reason]
    expect(parts.filter((part) => part !== undefined).join(', ')).toBe(expected)
  })

  it('records its own mark at a new address', () => {
    const plan = planRelease(wipe('Inspecting', { address: 'there', job: seen({}) }))

    expect(plan.identity).toEqual({ ...identity, address: 'there' })
  })

  it('forgets what served before: nothing goes back to it', () => {
    const plan = planRelease(wipe('Wiping', { job: { type: 'Succeeded' } }))

    expect(plan.deploy).toBeUndefined()
    expect(plan.release.current).toBeUndefined()
  })

  it('keeps the app at zero from the moment it begins', () => {
    expect(planRelease(wipe('Stopping')).stopApp).toBe(true)
    expect(planRelease(wipe('Wiping')).stopApp).toBe(true)
  })

  describe('whose roll-out does not come up', () => {
    const failed = { type: 'Failed', reason: 'RolloutCrashed', message: 'exit code 1' } as const
    const late = { type: 'Failed', reason: 'RolloutDeadlineExceeded', message: 'not ready' } as const
    const waiting: RolloutState = { type: 'Progressing', degraded: false, message: 'm' }
    const rolling = (state: RolloutState, more: Partial<ReleaseObservation> = {}): ReleaseObservation =>
      wipe('RollingOut', {
        policy: { ...policy, strategy: 'Wipe', progressDeadlineSeconds: 60 },
        release: { counter: 2, target: { id: 'r2', image: 'notejam:2' } },
        rolloutOf: () => state,
        ...more,
      })
    const after = (seconds: number): Partial<ReleaseObservation> => ({ now: now + seconds * 1000 })

    it('waits for a person, and begins another attempt with its own steps once it is asked for', () => {
      const waits = planRelease(rolling(failed))
      const { operation } = waits
      // In this moment the pod that crashed runs again.
      const ended = planRelease(rolling(waiting, { operation, retryToken: 'again' }))
      const next = planRelease(rolling(failed, { operation: undefined, release: ended.release, retryToken: 'again' }))
      const still = planRelease(rolling(failed, { operation: next.operation, release: next.release, retryToken: 'again' }))

      expect(summary(waits)).toBe('r2 RollingOut, Leave, deploys notejam:2, RolloutCrashed')
      expect(waits.stall?.message).toBe(
        'exit code 1; change spec.release.retryToken to try again, with another wipe, or give another image',
      )
      expect(summary(ended)).toBe('idle, Leave, deploys nothing, r2 Failed')
      expect(ended.release.history?.[0]?.reason).toBe('RolloutCrashed')
      expect(summary(next)).toBe('r2-2 Inspecting, Create, deploys nothing, r2 Failed')
      expect(still.operation).toMatchObject({ id: 'r2-2', step: 'Inspecting' })
    })

    it.each<[string, ReleaseObservation, string]>([
      ['where the failure is seen in the same moment', rolling(failed, { retryToken: 'again' }), 'idle, Leave, deploys nothing, r2 Failed'],
      ['not if it has come up', rolling({ type: 'Complete' }, { retryToken: 'again' }), 'idle, Leave, deploys notejam:2, r2 Succeeded'],
      ['not while it is paused', rolling(failed, { retryToken: 'again', paused: true }), 'r2 RollingOut, Leave, deploys notejam:2'],
      ['not while it goes well', rolling(waiting, { retryToken: 'again' }), 'r2 RollingOut, Leave, deploys notejam:2'],
    ])('begins another attempt %s', (_what, observation, expected) => {
      expect(summary(planRelease(observation))).toBe(expected)
    })

    it.each<[string, ReleaseObservation, string | undefined]>([
      [
        'at once where a pod crashes, though its Deployment was complete before',
        rolling({ ...waiting, overdue: failed }),
        'RolloutCrashed',
      ],
      ['not before its own deadline otherwise', rolling({ ...waiting, overdue: late }, after(59)), undefined],
      ['at its own deadline', rolling({ ...waiting, overdue: late }, after(60)), 'RolloutDeadlineExceeded'],
      ['not by its own deadline where the Deployment counts one', rolling(waiting, after(3600)), undefined],
      [
        'not with another strategy, whose pods are replaced one by one',
        rolling({ ...waiting, overdue: late }, { ...after(3600), operation: at('RollingOut', { strategy: 'Upgrade' }) }),
        undefined,
      ],
      ['not by none of none: its Deployment is still at zero', rolling({ type: 'Complete' }, { appGone: true }), undefined],
    ])('fails %s', (_what, observation, expected) => {
      const plan = planRelease(observation)

      expect(plan.operation?.step).toBe('RollingOut')
      expect(plan.stall?.reason).toBe(expected)
    })

    it('asks to be looked at when its own deadline comes, which begins with the step', () => {
      const operation = at('RollingOut', { strategy: 'Wipe', stepTime: '2026-01-01T00:01:00Z' })

      const plan = planRelease(rolling({ ...waiting, overdue: late }, { ...after(100), operation }))

      expect(plan.stall).toBeUndefined()
      expect(plan.wakeAt).toBe(now + 120_000)
    })
  })

  it('stops also what never served: the pods of a roll-out that failed on an emptied database', () => {
    const release: ReleaseStatus = { counter: 3, target: { id: 'r3', image: 'notejam:3' } }
    const deployed = { id: 'r2', image: 'notejam:2' }

    const plan = planRelease(wipe('Stopping', { image: 'notejam:3', release, deployed }))

    expect(plan.deploy?.image).toBe('notejam:2')
    expect(plan.stopApp).toBe(true)
  })
})

describe('Upgrade with a store', () => {
  const identity: DatabaseIdentity = { instanceUID: 'uid', environment: 'Test', fingerprint: 'f' }
  const looked = (pending: number) => ({ type: 'Succeeded', digest: digestOf('notejam:2'), database: 'ours', identity, pending }) as const
  const kept = (step: Operation['step'], changes: Partial<ReleaseObservation> = {}): Partial<ReleaseObservation> => ({
    ...second,
    identity,
    policy: { ...policy, rehearsal: true },
    backup: { type: 'Absent' },
    operation: at(step, { strategy: 'Upgrade', inspected: { database: 'Ours', pending: 1 } }),
    ...changes,
  })
  const taken = { type: 'Succeeded', backupID: 'a' } as const
  const failed = { type: 'Failed', reason: 'RowsChanged', message: 'notes has 1 rows, it had 2' } as const

  it.each<[string, Partial<ReleaseObservation>, string]>([
    ['looks first whether the schema changes', kept('Migrating', { operation: undefined, release: served }), 'r2 Inspecting, Create'],
    ['backs up then', kept('Inspecting', { job: looked(1) }), 'r2 BackingUp'],
    ['neither backs up nor rehearses where it does not', kept('Inspecting', { job: looked(0) }), 'r2 Migrating'],
    ['tries the migration on the archive', kept('BackingUp', { backup: taken }), 'r2 Rehearsing, Create'],
    [
      'goes on without a trial where none can be',
      kept('BackingUp', { backup: taken, policy: { ...policy, rehearsal: 'why' } }),
      'r2 Migrating',
    ],
    ['goes on where the store was taken away', kept('BackingUp', { backup: { type: 'Unavailable' } }), 'r2 Migrating'],
    ['migrates after it', kept('Rehearsing', { backup: taken, job: { type: 'Succeeded' } }), 'r2 Migrating, Create'],
    ['is given up before the database is touched', kept('Rehearsing', { backup: taken, job: failed }), 'idle, Leave'],
    ['makes way for another image', kept('Rehearsing', { image: 'notejam:3', job: { type: 'Running' } }), 'idle, Leave'],
  ])('%s', (_what, changes, expected) => {
    expect(summary(planRelease(observe(changes)))).toMatch(new RegExp(`^${expected}`))
  })

  it('goes on without a trial where the image has no such command, and says so once', () => {
    const unknown = { type: 'Failed', reason: 'RehearsalFailed', message: 'failed', unknown: 'exit code 2' } as const

    const plan = planRelease(observe(kept('Rehearsing', { backup: taken, job: unknown })))
    const end = { operation: at('Verifying', { strategy: 'Upgrade' }), job: { type: 'Succeeded' } } as const
    const after = planRelease(observe(kept('Verifying', { ...end, release: plan.release })))
    const replaced = planRelease(observe(kept('Rehearsing', { image: 'notejam:3', backup: taken, job: unknown })))
    const elsewhere = planRelease(observe(kept('Migrating', { backup: taken, job: unknown })))

    expect(summary(plan)).toMatch(/^r2 Migrating, Create/)
    expect(plan.stall).toBeUndefined()
    expect(plan.events).toMatchObject([{ type: 'Warning', reason: 'RehearsalSkipped' }])
    expect(plan.events[0]?.note).toContain('the image does not know the command rehearse (exit code 2)')
    expect(after.release.current?.rehearsal).toEqual({
      result: 'Skipped',
      message: 'the image does not know the command rehearse (exit code 2)',
    })
    expect(after.events.map(({ reason }) => reason)).not.toContain('RehearsalSkipped')
    expect(summary(replaced)).toMatch(/^idle, Leave/)
    expect(summary(elsewhere)).toMatch(/^idle, Leave/)
  })

  it('keeps what was compared, or why nothing was, with the release', () => {
    const rehearsed = { backupID: 'a', tables: 2, rows: 30, durationSeconds: 4 }

    const tried = planRelease(observe(kept('Rehearsing', { backup: taken, job: { type: 'Succeeded', rehearsed } })))
    const end = { operation: at('Verifying', { strategy: 'Upgrade' }), job: { type: 'Succeeded' } } as const
    const passed = planRelease(observe(kept('Verifying', { ...end, release: tried.release })))
    const skipped = planRelease(observe(kept('Verifying', { ...end, policy: { ...policy, rehearsal: 'no key' } })))
    const refused = planRelease(observe(kept('Rehearsing', { backup: taken, job: failed })))

    expect(passed.release.current?.rehearsal).toEqual({ result: 'Passed', ...rehearsed })
    expect(skipped.release.current?.rehearsal).toEqual({ result: 'Skipped', message: 'no key' })
    expect(refused.stall).toMatchObject({ reason: 'RowsChanged', message: failed.message })
    expect(refused.release.rejected).toMatchObject([{ image: 'notejam:2', reason: 'RowsChanged' }])
  })
})

describe('BackupThenMigrate', () => {
  const strategy: Strategy = 'BackupThenMigrate'
  const identity: DatabaseIdentity = { instanceUID: 'uid', environment: 'Production', fingerprint: 'f' }
  const safe = (step: Operation['step'], more: Partial<ReleaseObservation> = {}, journal: Partial<Operation> = {}): ReleaseObservation =>
    observe({
      ...second,
      environment: 'Production',
      policy: { ...policy, strategy },
      operation: at(step, { strategy, inspected: { database: 'Ours', pending: 1 }, ...journal }),
      ...more,
    })
  const looked = (database: 'empty' | 'ours', pending: number) =>
    ({ type: 'Succeeded', database, pending, ...(database === 'ours' ? { identity } : {}) }) as const

  it.each<[string, ReleaseObservation, string]>([
    ['needs no backup of an empty database', safe('Inspecting', { job: looked('empty', 3) }), 'r2 Migrating'],
    ['needs no backup when the image leaves the schema as it is', safe('Inspecting', { job: looked('ours', 0) }), 'r2 Migrating'],
    ['wants one before the schema is changed', safe('Inspecting', { job: looked('ours', 1) }), 'r2 BackingUp'],
    ['refuses to migrate without one', safe('BackingUp'), 'r2 BackingUp, BackupUnavailable'],
    [
      'goes on without one if that is accepted',
      safe('BackingUp', { policy: { ...policy, strategy, missingBackup: 'Accept' } }),
      'r2 Migrating',
    ],
    ['waits for it', safe('BackingUp', { backup: { type: 'Running' } }), 'r2 BackingUp'],
    ['migrates after it', safe('BackingUp', { backup: { type: 'Succeeded' } }), 'r2 Migrating'],
    ['is given up without it', safe('BackingUp', { backup: { type: 'Failed', message: 'store unavailable' } }), 'idle, BackupFailed'],
    ['makes way for another image before it', safe('BackingUp', { image: 'notejam:3' }), 'idle'],
    ['tries the pages before a pod is replaced', safe('Migrating', { job: { type: 'Succeeded' } }), 'r2 Smoking'],
    [
      'replaces none when they do not work',
      safe('Smoking', { job: { type: 'Failed', reason: 'VerificationFailed', message: 'x' } }),
      'idle, VerificationFailed',
    ],
    [
      'replaces none when the new app ends again and again',
      safe('Smoking', { job: { type: 'Pending', problem: { kind: 'Crash', message: 'exit code 1' } } }),
      'idle, RolloutCrashed',
    ],
    ['rolls out when they do', safe('Smoking', { job: { type: 'Succeeded' } }), 'r2 RollingOut'],
    [
      'leaves what older code needs where it is, as long as the image adds nothing',
      safe('Inspecting', {
        job: looked('ours', 0),
        release: { ...served, counter: 2, current: { image: 'notejam:1', pendingContract: 1 }, target: { image: 'notejam:2' } },
      }),
      'r2 Migrating',
    ],
    [
      'removes it after the backup, where the image adds something',
      safe('BackingUp', {
        backup: { type: 'Succeeded' },
        release: { ...served, counter: 2, current: { image: 'notejam:1', pendingContract: 1 }, target: { image: 'notejam:2' } },
      }),
      'r2 Contracting',
    ],
  ])('%s', (_title, observation, expected) => {
    const plan = planRelease(observation)

    const parts = [plan.operation === undefined ? 'idle' : `${plan.operation.id} ${plan.operation.step}`, plan.stall?.reason]
    expect(parts.filter((part) => part !== undefined).join(', ')).toBe(expected)
  })

  it('removes nothing later without a backup', () => {
    const release: ReleaseStatus = { ...served, current: { image: 'notejam:1', pendingContract: 1, since: '2025-01-01T00:00:00Z' } }
    const rested = { image: 'notejam:1', release, rolloutOf: () => ({ type: 'Complete' }) as const }

    const refused = planRelease(observe({ ...rested, policy: { ...policy, strategy } }))
    const accepted = planRelease(observe({ ...rested, policy: { ...policy, strategy, missingBackup: 'Accept' } }))

    expect(refused.operation).toBeUndefined()
    expect(accepted.operation?.step).toBe('Contracting')
  })
})
