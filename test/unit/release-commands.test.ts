import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DatabaseIdentity, NotejamInstance, Operation, ReleaseStatus } from '../../operator/src/api/notejam.ts'
import { effectivePolicy } from '../../operator/src/api/policy.ts'
import { readJobState, type JobState } from '../../operator/src/instance/job-state.ts'
import { planRelease } from '../../operator/src/instance/release/plan.ts'
import { samplePolicy } from '../../operator/src/instance/release/sample-policy.ts'
import { phaseOf } from '../../operator/src/instance/release/steps.ts'
import type { Strategy } from '../../operator/src/instance/release/types.ts'
import { buildReleaseJob } from '../../operator/src/instance/resources/release-job.ts'

const app = join(import.meta.dirname, '../../app/src/main.ts')
const environments = { Wipe: 'Development', Upgrade: 'Test', BackupThenMigrate: 'Production' } as const

interface Container {
  readonly args: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
}

/** Runs the planner against the commands of the app itself, on a SQLite file; the cluster is left out. */
class Rehearsal {
  readonly folder = mkdtempSync(join(tmpdir(), 'notejam-release-'))
  readonly strategy: Strategy
  readonly uid: string
  readonly #ended = new Map<string, JobState>()
  /** Commands that ran, with their exit codes. */
  readonly ran: string[] = []
  release: ReleaseStatus | undefined
  operation: Operation | undefined
  identity: DatabaseIdentity | undefined
  image = 'registry.example/notejam:1'
  stall: string | undefined

  constructor(strategy: Strategy, uid = '11111111-1111-4111-8111-111111111111') {
    this.strategy = strategy
    this.uid = uid
    writeFileSync(join(this.folder, 'secret-key'), 'k'.repeat(32))
  }

  get file(): string {
    return join(this.folder, 'notejam.db')
  }

  /** Passes until nothing is left to do. */
  async settle(): Promise<void> {
    for (let pass = 0; pass < 40; pass += 1) {
      const job = this.#ended.get(this.#jobName()) ?? { type: 'Absent' }
      const plan = planRelease({
        instanceUID: this.uid,
        environment: environments[this.strategy],
        image: this.image,
        retryToken: undefined,
        policy: {
          ...samplePolicy,
          strategy: this.strategy,
          migrationDeadlineSeconds: 60,
          seeds: this.strategy !== 'BackupThenMigrate',
        },
        paused: false,
        stopped: false,
        wantsPods: false,
        blocked: false,
        release: this.release,
        operation: this.operation,
        verifiedImages: [],
        identity: this.identity,
        address: 'file',
        job,
        jobUID: undefined,
        backup: { type: 'Unavailable' },
        appGone: true,
        rolloutOf: () => ({ type: 'Complete' }),
        gate: undefined,
        approval: undefined,
        now: 0,
      })
      const isSettled = plan.operation === undefined && this.operation === undefined
      ;({ release: this.release, operation: this.operation, identity: this.identity } = plan)
      this.stall = plan.stall?.reason
      if (plan.job === 'Create') await this.#run()
      if (isSettled || (this.stall !== undefined && plan.job === 'Leave')) return
    }
    throw new Error('The release does not end')
  }

  #jobName(): string {
    return `${this.operation?.id ?? ''}-${phaseOf(this.operation?.step) ?? ''}`
  }

  async #run(): Promise<void> {
    const phase = phaseOf(this.operation?.step)
    if (phase === undefined || phase === 'restore' || phase === 'rehearse') return
    const instance: NotejamInstance = {
      apiVersion: 'notejam.io/v1',
      kind: 'NotejamInstance',
      metadata: { name: 'notes', namespace: 'team', uid: this.uid },
      spec: {
        environment: environments[this.strategy],
        image: this.image,
        database: { type: 'SQLite', sqlite: { storage: {} } },
        seed: { generate: { users: 2, notesPerUser: 3, seed: 7 } },
      },
    } as NotejamInstance
    const job = buildReleaseJob({
      instance,
      policy: effectivePolicy(instance.spec),
      connection: { type: 'SQLite' },
      phase,
      image: this.image,
      releaseID: this.operation?.id ?? '',
      besideApp: false,
      ...(this.identity === undefined ? {} : { identity: this.identity }),
    })
    const { containers } = (job as unknown as { spec: { template: { spec: { containers: readonly [Container] } } } }).spec.template.spec
    const { exitCode, line } = await this.#execute(containers[0])
    this.ran.push(`${this.operation?.id ?? ''} ${phase} ${exitCode} ${(JSON.parse(line) as { outcome: string }).outcome}`)
    const condition = exitCode === 0 ? { type: 'Complete', status: 'True' } : { type: 'Failed', status: 'True', reason: 'PodFailurePolicy' }
    const state = readJobState(
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'j' },
        spec: { template: { spec: { containers: [] } } },
        status: { conditions: [condition] },
      },
      [
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'p' },
          spec: { containers: [] },
          status: { containerStatuses: [{ name: 'c', state: { terminated: { exitCode, message: line } } }] },
        },
      ],
      phase,
    )
    this.#ended.set(this.#jobName(), state)
  }

  async #execute({ args, env = [] }: Container): Promise<{ readonly exitCode: number; readonly line: string }> {
    const variables = Object.fromEntries(env.map(({ name, value = '' }) => [name, value]))
    const child = spawn(process.execPath, [app, ...args], {
      env: {
        PATH: process.env['PATH'],
        ...variables,
        DATABASE_URL: `sqlite:${this.file}`,
        SECRET_KEY_FILE: join(this.folder, 'secret-key'),
        TERMINATION_LOG: join(this.folder, 'none'),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let line = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (line += text))
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => {
        resolve(code ?? -1)
      })
    })
    return { exitCode, line }
  }

  /** Addresses of the accounts in the database. */
  accounts(): readonly string[] {
    using database = new DatabaseSync(this.file)
    return database
      .prepare('select email from users order by email')
      .all()
      .map((row) => String(row['email']))
  }
}

describe('the commands of the app, as releases call them', () => {
  let rehearsal: Rehearsal | undefined
  beforeEach(() => {
    rehearsal = undefined
  })
  afterEach(() => {
    if (rehearsal !== undefined) rmSync(rehearsal.folder, { recursive: true })
  })

  it('Wipe: each release but the first empties the database once, and seeds it anew', async () => {
    rehearsal = new Rehearsal('Wipe')
    const seeds = ['user1@seed-7.example.org', 'user2@seed-7.example.org']
    await rehearsal.settle()
    expect(rehearsal.accounts()).toEqual(seeds)

    for (const version of ['2', '3']) {
      rehearsal.image = `registry.example/notejam:${version}`
      await rehearsal.settle()
      expect(rehearsal.accounts()).toEqual(seeds)
    }

    expect(rehearsal.ran).toEqual([
      'r1 expand 0 Migrated',
      'r1 seed 0 Seeded',
      ...['r2', 'r3'].flatMap((id) => [`${id} inspect 0 Ok`, `${id} wipe 0 Wiped`, `${id} expand 0 Migrated`, `${id} seed 0 Seeded`]),
    ])
    expect(rehearsal.identity).toMatchObject({ environment: 'Development', address: 'file' })
  }, 90_000)

  it('Wipe: a release that lost its status does not wipe again what it wiped', async () => {
    rehearsal = new Rehearsal('Wipe')
    await rehearsal.settle()
    rehearsal.image = 'registry.example/notejam:2'
    const before = { release: rehearsal.release, identity: rehearsal.identity }
    await rehearsal.settle()

    // The Jobs are gone too, so every command of r2 runs again.
    const again = new Rehearsal('Wipe')
    rmSync(again.folder, { recursive: true })
    Object.assign(again, before, { image: rehearsal.image, folder: rehearsal.folder })
    await again.settle()

    expect(again.ran.find((entry) => entry.includes('wipe'))).toBe('r2 wipe 0 AlreadyWiped')
  }, 90_000)

  it('Upgrade: keeps the data, and removes what the first release left before the second migrates', async () => {
    rehearsal = new Rehearsal('Upgrade')
    await rehearsal.settle()
    rehearsal.image = 'registry.example/notejam:2'
    await rehearsal.settle()

    expect(rehearsal.accounts()).toHaveLength(2)
    expect(rehearsal.ran).toEqual(['r1 expand 0 Migrated', 'r1 seed 0 Seeded', 'r2 contract 0 Migrated', 'r2 expand 0 NothingToDo'])
    expect(rehearsal.release?.current?.pendingContract).toBeUndefined()
  }, 90_000)

  it('BackupThenMigrate: an image that leaves the schema as it is needs no backup', async () => {
    rehearsal = new Rehearsal('BackupThenMigrate')
    await rehearsal.settle()
    rehearsal.image = 'registry.example/notejam:2'
    await rehearsal.settle()

    // What only older code needs stays too: removing it is a change of the schema.
    expect(rehearsal.ran).toEqual(['r1 inspect 0 Ok', 'r1 expand 0 Migrated', 'r2 inspect 0 Ok', 'r2 expand 0 NothingToDo'])
    expect(rehearsal.release?.current).toMatchObject({ image: rehearsal.image, pendingContract: 1 })
  }, 90_000)

  it('every strategy: another instance on the same database is refused before anything is changed', async () => {
    rehearsal = new Rehearsal('Upgrade')
    await rehearsal.settle()
    for (const strategy of ['Wipe', 'Upgrade', 'BackupThenMigrate'] as const) {
      const other = new Rehearsal(strategy, '22222222-2222-4222-8222-222222222222')
      rmSync(other.folder, { recursive: true })
      Object.assign(other, { folder: rehearsal.folder, identity: { instanceUID: other.uid, environment: 'Development', fingerprint: 'f' } })
      await other.settle()

      expect(other.stall, strategy).toBe('DatabaseFenced')
      expect(rehearsal.accounts()).toHaveLength(2)
    }
  }, 90_000)
})
