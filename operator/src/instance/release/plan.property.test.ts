import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DatabaseIdentity, Environment, Operation, ReleaseStatus, VerifiedImage } from '../../api/notejam.ts'
import type { JobState } from '../job-state.ts'
import type { RolloutState } from '../rollout.ts'
import { isSilentStep } from './journal.ts'
import { planRelease } from './plan.ts'
import { samplePolicy } from './sample-policy.ts'
import { phaseOf, type Phase } from './steps.ts'
import type { ReleasePlan, Strategy } from './types.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const digestOf = (image: string) => `sha256:${Buffer.from(image).toString('hex').padEnd(64, '0').slice(0, 64)}`
const environments: Readonly<Record<Strategy, Environment>> = {
  Wipe: 'Development',
  Upgrade: 'Test',
  BackupThenMigrate: 'Production',
}

interface Job {
  readonly id: string
  readonly phase: Phase
  readonly image: string
  readonly uid: string
  state: JobState
}

/** A cluster and a database as far as a release sees them, with an operator that may be killed between any two of its writes. */
class World {
  readonly strategy: Strategy
  /** Whether its database is to begin with a masked copy, which takes the place of all that is there. */
  readonly seedsCopy: boolean
  /** Accounts in the database. */
  accounts = 0
  image = 'notejam:0'
  retryToken = ''
  paused = false
  release: ReleaseStatus | undefined
  operation: Operation | undefined
  verified: readonly VerifiedImage[] = []
  identity: DatabaseIdentity | undefined
  /** The mark in the database itself. */
  mark: DatabaseIdentity | undefined
  readonly jobs = new Map<string, Job>()
  readonly created: string[] = []
  readonly backups: string[] = []
  /** Releases whose backup is there. */
  readonly backedUp = new Set<string>()
  /** Release of each wipe that was done. */
  readonly wipes: string[] = []
  /** Images that the schema serves; a wipe takes all of them. */
  readonly migrated = new Set<string>()
  deployed: string | undefined
  running = false
  rollout: RolloutState = { type: 'Complete' }
  ticks = 0

  constructor(strategy: Strategy, seedsCopy = false) {
    this.strategy = strategy
    this.seedsCopy = seedsCopy
  }

  get #job(): Job | undefined {
    return this.jobs.get(`${this.operation?.id ?? ''}-${phaseOf(this.operation?.step) ?? ''}`)
  }

  plan(): ReleasePlan {
    return planRelease({
      instanceUID: 'uid',
      environment: environments[this.strategy],
      image: this.image,
      retryToken: this.retryToken,
      policy: {
        ...samplePolicy,
        strategy: this.strategy,
        contractAfterSeconds: 5,
        seeds: true,
        seedsCopy: this.seedsCopy,
        rehearsal: true,
      },
      paused: this.paused,
      stopped: false,
      wantsPods: true,
      blocked: false,
      release: this.release,
      operation: this.operation,
      verifiedImages: this.verified,
      identity: this.identity,
      address: 'here',
      job: this.#job?.state ?? { type: 'Absent' },
      jobUID: this.#job?.uid,
      backup: this.backedUp.has(this.operation?.id ?? '') ? { type: 'Succeeded' } : { type: 'Absent' },
      appGone: !this.running,
      rolloutOf: (image) => (image === this.deployed && this.running ? this.rollout : { type: 'NotApplied' }),
      gate: undefined,
      approval: undefined,
      now: now + this.ticks * 1000,
    })
  }

  /** A pass that is cut after `writes` of its writes: journal, Job or backup, Deployment. */
  pass(writes: number): void {
    this.ticks += 1
    const plan = this.plan()
    const before = this.#job
    if (writes < 1) return
    this.release = plan.release
    this.operation = plan.operation
    this.identity = plan.identity
    this.verified = plan.verifiedImages
    if (writes < 2) return
    if (plan.job === 'Create') this.#create(plan)
    if (plan.job === 'Withdraw' && before !== undefined) this.jobs.delete(`${before.id}-${before.phase}`)
    if (plan.backup === 'Create') {
      this.backups.push(plan.operation?.id ?? '')
      this.backedUp.add(plan.operation?.id ?? '')
    }
    if (writes < 3 || this.paused) return
    if (plan.stopApp) this.running = false
    else if (plan.deploy !== undefined) {
      if (plan.deploy.image !== this.deployed || !this.running) this.rollout = { type: 'Progressing', degraded: false, message: '' }
      this.deployed = plan.deploy.image
      this.running = true
    }
    // Whoever comes by signs up.
    if (this.running && this.rollout.type === 'Complete') this.accounts += 1
  }

  #create({ operation, release }: ReleasePlan): void {
    const phase = phaseOf(operation?.step)
    const id = operation?.id ?? ''
    if (phase === undefined || this.jobs.has(`${id}-${phase}`)) return
    // What only may begin when the step before it is proven.
    if (phase === 'wipe') expect(this.running).toBe(false)
    if (phase === 'expand' && this.strategy === 'BackupThenMigrate' && this.mark !== undefined) expect(this.backedUp.has(id)).toBe(true)
    // No upgrade of a database changes its schema before that was tried on an archive of it.
    if (phase === 'expand' && this.strategy === 'Upgrade' && release.current !== undefined) {
      expect(this.backedUp.has(id)).toBe(true)
      expect(this.jobs.get(`${id}-rehearse`)?.state.type).toBe('Succeeded')
    }
    if (phase === 'seed' && this.seedsCopy) expect(this.accounts).toBe(0)
    const image = (phase === 'contract' ? release.current : release.target)?.image ?? ''
    this.jobs.set(`${id}-${phase}`, { id, phase, image, uid: `uid-${this.created.length}`, state: { type: 'Pending' } })
    this.created.push(`${id}-${phase}`)
  }

  /** Something happens to the Job of the step. */
  job(outcome: 'run' | 'succeed' | 'fail' | 'unpullable'): void {
    const job = this.#job
    if (job === undefined || job.state.type === 'Succeeded' || job.state.type === 'Failed') return
    if (outcome === 'succeed') this.#succeed(job)
    else if (outcome === 'fail') job.state = { type: 'Failed', reason: 'MigrationFailed', message: 'exit code 1' }
    else if (outcome === 'run') job.state = { type: 'Running' }
    else if (job.state.type === 'Pending') job.state = { type: 'Pending', problem: { kind: 'ImagePull', message: 'not found' } }
  }

  /** Whatever is under way comes to its good end, if anything is: an event. */
  happen(): boolean {
    const job = this.#job
    if (job !== undefined && job.state.type !== 'Succeeded') {
      this.job('succeed')
      return true
    }
    if (!this.running || this.rollout.type === 'Complete') return false
    this.rollout = { type: 'Complete' }
    return true
  }

  #succeed(job: Job): void {
    if (job.phase === 'wipe') {
      this.wipes.push(job.id)
      this.migrated.clear()
      this.accounts = 0
    }
    if (job.phase === 'expand') {
      this.migrated.add(job.image)
      this.mark ??= { instanceUID: 'uid', environment: environments[this.strategy], fingerprint: 'f' }
    }
    if (job.phase === 'seed') this.accounts += 5
    const identity = this.mark === undefined ? {} : { identity: this.mark }
    job.state = {
      type: 'Succeeded',
      digest: digestOf(job.image),
      database: this.mark === undefined ? 'empty' : 'ours',
      pending: 1,
      accounts: this.accounts,
      pendingContract: job.phase === 'expand' ? 1 : 0,
      ...identity,
    }
  }
}

type Action = (world: World) => void

const actions: readonly fc.WeightedArbitrary<Action>[] = [
  {
    weight: 8,
    arbitrary: fc.integer({ min: 0, max: 3 }).map(
      (writes): Action =>
        (world) =>
          world.pass(writes),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 3 }).map(
      (image): Action =>
        (world) =>
          void (world.image = `notejam:${image}`),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat({ max: 3 }).map(
      (token): Action =>
        (world) =>
          void (world.retryToken = String(token)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.boolean().map(
      (paused): Action =>
        (world) =>
          void (world.paused = paused),
    ),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom('run', 'succeed', 'succeed', 'fail', 'unpullable' as const).map(
      (outcome): Action =>
        (world) =>
          world.job(outcome),
    ),
  },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom<RolloutState>({ type: 'Complete' }, { type: 'Failed', reason: 'RolloutCrashed', message: 'exit code 1' })
      .map(
        (state): Action =>
          (world) =>
            void (world.rollout = state),
      ),
  },
]

describe.each<[Strategy, string]>([
  ['Wipe', 'generated data'],
  ['Wipe', 'a masked copy'],
  ['Upgrade', 'generated data'],
  ['Upgrade', 'a masked copy'],
  ['BackupThenMigrate', 'nothing'],
])('%s with %s through any history of edits, outcomes and kills', (strategy, seed) => {
  it('makes each Job once, begins a step only when the one before is proven, serves only what was migrated, and ends', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...actions), { maxLength: 80 }), (history) => {
        const world = new World(strategy, seed === 'a masked copy')
        // The roll-out of the first release is where a second attempt comes upon what the first has filled.
        for (let round = 0; round < 20 && world.seedsCopy && world.operation?.step !== 'RollingOut'; round += 1) {
          world.pass(3)
          world.job('succeed')
        }
        for (const act of history) {
          act(world)
          expect(!world.running || [...world.migrated].some((image) => world.deployed?.endsWith(digestOf(image)))).toBe(true)
        }
        // From now on all goes well: the wanted image is served, or was given up and the one before is.
        world.paused = false
        for (let round = 0; round < 60; round += 1) {
          world.pass(3)
          world.job('succeed')
          world.rollout = { type: 'Complete' }
        }

        expect(new Set(world.created).size).toBe(world.created.length)
        expect(new Set(world.backups).size).toBe(world.backups.length)
        expect(new Set(world.wipes).size).toBe(world.wipes.length)
        expect(world.operation).toBeUndefined()
        const givenUp = world.release?.rejected?.some(({ image }) => image === world.image) === true
        expect(givenUp || world.release?.current?.image === world.image).toBe(true)
        expect(world.release?.history?.length ?? 0).toBeLessThanOrEqual(5)
        if (strategy !== 'Wipe') expect(world.wipes).toEqual([])
      }),
      { numRuns: 400 },
    )
  })
})

describe('Wipe without faults', () => {
  it('wipes exactly once per release, the first excepted, which finds nothing', () => {
    const world = new World('Wipe')
    for (const image of ['notejam:1', 'notejam:2', 'notejam:3', 'notejam:1']) {
      world.image = image
      for (let round = 0; round < 30; round += 1) {
        world.pass(3)
        world.job('succeed')
        world.rollout = { type: 'Complete' }
      }
    }

    expect(world.wipes).toEqual(['r2', 'r3', 'r4'])
    expect(world.release?.current?.image).toBe('notejam:1')
  })
})

describe.each<Strategy>(['Wipe', 'Upgrade', 'BackupThenMigrate'])(
  '%s with passes only where an event or the plan asks for one',
  (strategy) => {
    it('goes through every release to its end', () => {
      const world = new World(strategy)
      for (const image of ['notejam:1', 'notejam:2', 'notejam:3']) {
        world.image = image
        let isAsked = true
        for (let round = 0; round < 100 && isAsked; round += 1) {
          const { operation, release, running, deployed } = world
          const plan = world.plan()
          const backups = world.backups.length
          world.pass(3)
          const isChanged = world.running !== running || world.deployed !== deployed || world.backups.length > backups
          isAsked = isSilentStep({ operation, release } as Parameters<typeof isSilentStep>[0], plan) || isChanged || world.happen()
        }

        expect(world.release?.current?.image).toBe(image)
        // At rest nobody asks.
        expect(isAsked).toBe(false)
        expect(world.operation).toBeUndefined()
      }
    })
  },
)
