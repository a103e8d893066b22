import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Operation, ReleaseStatus } from '../api/notejam.ts'
import type { JobState } from './job-state.ts'
import { planRelease, type ReleaseObservation, type ReleasePlan } from './release.ts'
import type { RolloutState } from './rollout.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const digestOf = (image: string) => `sha256:${Buffer.from(image).toString('hex').padEnd(64, '0').slice(0, 64)}`

function observe(changes: Partial<ReleaseObservation> = {}): ReleaseObservation {
  return {
    image: 'notejam:1',
    retryToken: undefined,
    paused: false,
    blocked: false,
    release: undefined,
    operation: undefined,
    job: { type: 'Absent' },
    jobUID: undefined,
    rolloutOf: () => ({ type: 'NotApplied' }),
    migrationDeadlineSeconds: 1800,
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
function summary({ operation, job, deploy, stall, release }: ReleasePlan): string {
  const journal = operation === undefined ? 'idle' : `${operation.id} ${operation.step}`
  const last = release.history?.[0]
  const parts = [
    journal,
    job,
    `deploys ${deploy?.image.slice(0, 20) ?? 'nothing'}`,
    stall?.reason,
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
      'is done when the roll-out is',
      { ...second, operation: at('RollingOut'), rolloutOf: () => ({ type: 'Complete' }) },
      'idle, Leave, deploys notejam:2, r2 Succeeded',
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

    const plan = planRelease(observe({ ...second, operation, job: { type: 'Failed', reason: 'MigrationTimedOut', message: 'too late' } }))

    expect(plan.stall).toEqual({ reason: 'ImagePullFailed', message: 'too late; manifest unknown' })
  })
})

/** A cluster as far as a release sees it, with an operator that may be killed between any two of its writes. */
class World {
  image = 'notejam:0'
  retryToken = ''
  release: ReleaseStatus | undefined
  operation: Operation | undefined
  readonly jobs = new Map<string, { readonly image: string; readonly uid: string; state: JobState }>()
  readonly created: string[] = []
  readonly migrated = new Set<string>()
  deployed: string | undefined
  rollout: RolloutState = { type: 'Complete' }
  ticks = 0

  plan(): ReleasePlan {
    const job = this.jobs.get(this.operation?.id ?? '')
    return planRelease(
      observe({
        image: this.image,
        retryToken: this.retryToken,
        release: this.release,
        operation: this.operation,
        job: job?.state ?? { type: 'Absent' },
        jobUID: job?.uid,
        rolloutOf: (image) => (image === this.deployed ? this.rollout : { type: 'NotApplied' }),
        now: now + this.ticks * 1000,
      }),
    )
  }

  /** A pass that is cut after `writes` of its writes: journal, Job, Deployment. */
  pass(writes: number): void {
    this.ticks += 1
    const plan = this.plan()
    if (writes < 1) return
    this.release = plan.release
    this.operation = plan.operation
    if (writes < 2) return
    const id = plan.operation?.id ?? ''
    if (plan.job === 'Create' && !this.jobs.has(id)) {
      const image = plan.release.target?.image ?? ''
      this.jobs.set(id, { image, uid: `uid-${this.created.length}`, state: { type: 'Pending' } })
      this.created.push(id)
    }
    if (plan.job === 'Withdraw') this.jobs.delete(id)
    if (writes < 3 || plan.deploy === undefined || plan.deploy.image === this.deployed) return
    this.deployed = plan.deploy.image
    this.rollout = { type: 'Progressing', degraded: false, message: '' }
  }

  job(outcome: 'run' | 'succeed' | 'fail' | 'unpullable'): void {
    const job = this.jobs.get(this.operation?.id ?? '')
    if (job === undefined || job.state.type === 'Succeeded' || job.state.type === 'Failed') return
    if (outcome === 'succeed') this.migrated.add(job.image)
    job.state =
      outcome === 'run'
        ? { type: 'Running' }
        : outcome === 'succeed'
          ? { type: 'Succeeded', digest: digestOf(job.image) }
          : outcome === 'fail'
            ? { type: 'Failed', reason: 'MigrationFailed', message: 'exit code 1' }
            : job.state.type === 'Running'
              ? job.state
              : { type: 'Pending', problem: { kind: 'ImagePull', message: 'not found' } }
  }
}

const action = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 3 }).map((writes) => (world: World) => world.pass(writes)) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 }).map((image) => (world: World) => void (world.image = `notejam:${image}`)) },
  { weight: 1, arbitrary: fc.nat({ max: 3 }).map((token) => (world: World) => void (world.retryToken = String(token))) },
  {
    weight: 3,
    arbitrary: fc.constantFrom('run', 'succeed', 'fail', 'unpullable' as const).map((outcome) => (world: World) => world.job(outcome)),
  },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom<RolloutState>({ type: 'Complete' }, { type: 'Failed', reason: 'RolloutCrashed', message: 'exit code 1' })
      .map((state) => (world: World) => void (world.rollout = state)),
  },
)

describe('a release through any history of edits, outcomes and kills', () => {
  it('makes at most one Job per release, deploys only what was migrated, and ends', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const world = new World()
        for (const act of actions) {
          act(world)
          expect(world.deployed === undefined || [...world.migrated].some((image) => world.deployed?.endsWith(digestOf(image)))).toBe(true)
        }
        // From now on all goes well: the wanted image is served, or was given up and the one before is.
        for (let round = 0; round < 30; round += 1) {
          world.pass(3)
          world.job('succeed')
          world.rollout = { type: 'Complete' }
        }

        expect(new Set(world.created).size).toBe(world.created.length)
        expect(world.operation).toBeUndefined()
        const givenUp = world.release?.rejected?.some(({ image }) => image === world.image) === true
        expect(givenUp || world.release?.current?.image === world.image).toBe(true)
        expect(world.release?.history?.length ?? 0).toBeLessThanOrEqual(5)
      }),
      { numRuns: 500 },
    )
  })
})
