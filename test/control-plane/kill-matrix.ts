import type { ControlPlane } from '../cluster/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { FleetStage } from './fleet-stage.ts'
import { forAll } from './fleet-world.ts'
import { Life, nameOf, type Fate, type Ground, type Told } from './kill-matrix-life.ts'
import type { Death } from './kill-matrix-operator.ts'
import type { Story } from './kill-matrix-stories.ts'
import { connect } from './runtime-fixture.ts'

/** Options of {@link runKillMatrix}. */
export interface KillMatrixOptions {
  /** Control plane of the matrix alone: all pods in it are its own. */
  readonly controlPlane: Pick<ControlPlane, 'api' | 'kubeconfig'>
  readonly rows: readonly Row[]
  /** Rows at a time, each with an instance in a namespace of its own. */
  readonly parallel: number
  readonly report?: (line: string) => void
}

/** A story, and how operators are killed in it. */
export interface Row {
  readonly story: Story
  readonly kills: Kills
  /** Takes the journal out, to see the row fail. */
  readonly withoutJournal?: boolean
}

/**
 * What is done to the releases of one row. `Each`: one release, each of whose operators lives for one write. Else one release for every write, from
 * the first one until there is none left: its operator is killed there, and the next one lives on.
 */
export interface Kills {
  readonly when: Death['when'] | 'Each'
  /** Number of the first write. */
  readonly from?: number
  /** Distance to the next one; default 1. */
  readonly stride?: number
  /** Releases at most. */
  readonly most?: number
}

/** What {@link runKillMatrix} found. */
export interface KillMatrixFound {
  /** Releases in which an operator was killed. */
  readonly releases: number
  readonly kills: number
  /** What was written where an operator was killed, with how often: numbers of releases and names from UIDs are taken out. */
  readonly writes: ReadonlyMap<string, number>
  /** Releases that ended otherwise than with nobody killed. */
  readonly failures: readonly Failure[]
}

/** A release that ended otherwise. */
export interface Failure {
  readonly row: Row
  readonly text: string
}

/** Releases of a row of the matrix that may go wrong before its rest is given up; each is followed by another instance. */
const mostFailures = 4

/**
 * Tells every story with the operator killed at its writes, one after the other, and compares each end with that of the same story with nobody killed:
 * the same objects and status, each command run once.
 */
export async function runKillMatrix(options: KillMatrixOptions): Promise<KillMatrixFound> {
  const { controlPlane, rows, parallel } = options
  const { api, kubeconfig } = controlPlane
  await applyCrds(api)
  await using stage = new FleetStage(kubeconfig)
  await stage.start()
  await using connection = await connect(kubeconfig)
  const ground: Ground = { api, client: connection.client, stage }
  const tally = new Tally(options.report ?? (() => undefined))
  await forAll(rows, parallel, async (row) => await runRow(ground, row, tally))
  return tally
}

/** Every story with every way to be killed. */
export function rowsOf(stories: readonly Story[], kills: readonly Kills[]): readonly Row[] {
  return stories.flatMap((story) => kills.map((kill) => ({ story, kills: kill })))
}

async function runRow(ground: Ground, row: Row, tally: Tally): Promise<void> {
  const { story, kills, withoutJournal = false } = row
  const { when, stride = 1, most = when === 'Each' ? 1 : Infinity } = kills
  let [nth, releases, failures] = [kills.from ?? 0, 0, 0]
  while (releases < most && failures < mostFailures) {
    const before = failures
    try {
      await using life = await Life.begin(ground, story)
      const { end: expected, problem } = await life.release()
      if (problem !== undefined) throw new Error(`with nobody killed: ${problem}`)
      for (; releases < most && failures === before; nth += stride, releases += 1) {
        if (story.ending !== 'Good') await life.renew()
        const told = await life.release({ ...fateOf(when, nth), withoutJournal }, expected)
        if (told.deaths.length === 0) return
        const what = when === 'Each' ? 'after each of its writes' : `${when} write ${nth}`
        if (!tally.add(row, what, told)) failures += 1
      }
    } catch (error) {
      failures += 1
      tally.fail(row, error instanceof Error ? error.message : String(error))
    }
  }
}

/** Every second operator that follows comes late. */
function fateOf(when: Kills['when'], nth: number): Fate {
  if (when === 'Each') return { deathOf: () => ({ when: 'after', isAt: () => true }) }
  const death: Death = { when, isAt: (_write, at) => at === nth }
  return { deathOf: (life) => (life === 0 ? death : undefined), isAway: nth % 2 === (when === 'before' ? 0 : 1) }
}

class Tally implements KillMatrixFound {
  readonly writes = new Map<string, number>()
  readonly failures: Failure[] = []
  releases = 0
  kills = 0
  readonly #report: (line: string) => void

  constructor(report: (line: string) => void) {
    this.#report = report
  }

  /** Counts a release; says whether it ended as it should. */
  add(row: Row, what: string, { deaths, problem }: Told): boolean {
    this.releases += 1
    this.kills += deaths.length
    for (const death of deaths) {
      const write = death.replace(/\br\d+(?=-)/, 'RELEASE').replace(/\b[0-9a-f]{8}$/, 'UID')
      this.writes.set(write, (this.writes.get(write) ?? 0) + 1)
    }
    if (this.releases % 20 === 0) this.#report(`${this.releases} releases, ${this.kills} kills, ${this.failures.length} failures`)
    if (problem !== undefined) this.fail(row, `killed ${what} (${deaths.join(', ')}): ${problem}`)
    return problem === undefined
  }

  fail(row: Row, text: string): void {
    this.failures.push({ row, text: `${nameOf(row.story)}: ${text}` })
    this.#report(this.failures.at(-1)?.text ?? '')
  }
}
