import { randomFromSeed } from '../data/random-from-seed.ts'
import type { BackupReason } from '../archive/manifest.ts'
import { parsePeriod, type Period } from '../archive/period.ts'
import type { planRetention, RetainedArchive, RetentionPolicy } from '../archive/retention.ts'

/** What {@link simulateRetention} lets happen. */
export interface WorldOptions {
  readonly seed: number
  /** Decides what goes; a broken one must be found out. */
  readonly plan: typeof planRetention
  /** `Own`: the store has a clock of its own, as a bucket. `Same`: that of the node, as a folder. */
  readonly storeClock: 'Own' | 'Same'
  /** What a prune does with a listing that lacks a page: gives up, as ours, or goes on with what it saw. */
  readonly onTornListing?: 'GiveUp' | 'GoOn'
  /** Whether retention is shortened and lengthened on the way; else it is three calendar years all the time. */
  readonly changes: boolean
  readonly days?: number
}

/** How a simulation went. */
export interface WorldResult {
  /** Promises that were broken, in words; the first few. */
  readonly broken: readonly string[]
  readonly counts: Readonly<
    Record<'backups' | 'failures' | 'prunes' | 'removed' | 'jumps' | 'tornListings' | 'verified' | 'failedTrials', number>
  >
}

interface SimulatedArchive extends RetainedArchive {
  /** By the true clock. */
  readonly trueTime: number
  readonly rightClock: boolean
  /** The day that it is the restore point of: by the store's clock, where that is right. */
  readonly day: string
  /** Whether its manifest is on a later page than its data, where a torn listing loses it. */
  readonly onPageEdge: boolean
}

const minuteMs = 60_000
const dayMs = 86_400_000
const start = Date.parse('2024-01-15T00:00:00Z')

/** Text of a day and nothing else: arithmetic of its own, so that a mistake in the planner's is not repeated here. */
const dayText = (time: number): string => new Date(time).toISOString().slice(0, 10)

function yearsBefore(day: string, years: number): string {
  const earlier = `${Number(day.slice(0, 4)) - years}${day.slice(4)}`
  // Only the 29th of February may not be there.
  return Number.isNaN(Date.parse(earlier)) || dayText(Date.parse(earlier)) !== earlier ? earlier.replace('02-29', '02-28') : earlier
}

/** Minutes that London is ahead of UTC. */
const zone = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/London', hour: 'numeric', hourCycle: 'h23' })
function summerMinutes(noon: number): number {
  return (Number(zone.format(noon)) - new Date(noon).getUTCHours()) * 60
}

interface PolicyOfDay {
  readonly policy: RetentionPolicy
  /** The oldest day that is to be there, seen from this one. */
  readonly firstDay: (today: string) => string
}

const period = (text: string): Period => parsePeriod(text) ?? { years: 0, months: 0, days: 0 }
const calendarYears = (years: number): PolicyOfDay => ({
  policy: { daily: period(`P${years}Y`), beforeMigration: period('P30D') },
  firstDay: (today) => yearsBefore(today, years),
})
const inDays = (days: number): PolicyOfDay => ({
  policy: { daily: period(`P${days}D`), beforeMigration: period('P30D') },
  firstDay: (today) => dayText(Date.parse(today) - days * dayMs),
})

function policyOf(day: number, changes: boolean): PolicyOfDay {
  if (!changes) return calendarYears(3)
  if (day < 400) return calendarYears(3)
  if (day < 700) return calendarYears(1)
  if (day < 900) return calendarYears(3)
  return day < 1200 ? inDays(14) : calendarYears(3)
}

/** Runs the life of one instance's archives day by day, and checks after every prune what was promised. */
export function simulateRetention(options: WorldOptions): WorldResult {
  const world = new World(options)
  for (let day = 0; day < (options.days ?? 1600); day += 1) world.day(day)
  return { broken: world.broken.slice(0, 5), counts: world.counts }
}

class World {
  readonly broken: string[] = []
  readonly counts = { backups: 0, failures: 0, prunes: 0, removed: 0, jumps: 0, tornListings: 0, verified: 0, failedTrials: 0 }
  readonly #options: WorldOptions
  readonly #chance: () => number
  readonly #archives = new Map<string, SimulatedArchive>()
  readonly #incomplete = new Map<string, number>()
  /** Days that must have an archive: each that had one, until a retention in force let it go. */
  readonly #promised = new Set<string>()
  #number = 0
  #outageUntil = 0
  #trialsAgainAfter = 0
  #jumpedAt = -1
  #offset = 0
  #everVerified = false

  constructor(options: WorldOptions) {
    this.#options = options
    const random = randomFromSeed(options.seed)
    this.#chance = () => random.below(1_000_000) / 1_000_000
  }

  day(day: number): void {
    const midnight = start + day * dayMs
    // Half past midnight in London is the day before in UTC, in summer.
    const run = midnight + 30 * minuteMs - summerMinutes(midnight + dayMs / 2) * minuteMs + Math.floor(this.#chance() * 5) * minuteMs
    this.#weather(day)
    if (this.#chance() < 0.15) this.#backup(run - 200 * minuteMs, this.#pick(['OnDemand', 'PreMigration', 'PreMigration', 'PreRestore']))
    if (day < this.#outageUntil || this.#chance() < 0.05) {
      this.counts.failures += 1
      if (this.#chance() < 0.5) this.#incomplete.set(this.#name('cut-off', run), this.#stored(run))
    } else {
      this.#backup(run, 'Scheduled')
      this.#prune(day, run + 5 * minuteMs)
    }
    if (day % 7 === 6) this.#trial(day)
    // By hand, by someone whose clock is right.
    if (this.#chance() < 0.03) {
      this.#offset = 0
      this.#prune(day, run + 600 * minuteMs)
    }
  }

  #weather(day: number): void {
    if (day >= this.#outageUntil && this.#chance() < 0.01)
      this.#outageUntil = day + 1 + Math.floor(this.#chance() * (day === 500 ? 90 : 12))
    if (day === 500) this.#outageUntil = 570
    // Nobody tries archives for two months, as when the server for it is not to be had.
    if (day === 1000) this.#trialsAgainAfter = 1060
    this.#offset = 0
    const [first, length] = [320 + (this.#options.seed % 7) * 150, 2]
    const often = this.#options.storeClock === 'Own' && this.#chance() < 0.02
    if (often || (day >= first && day < first + length)) {
      if (this.#jumpedAt !== day - 1) this.counts.jumps += 1
      this.#jumpedAt = day
      this.#offset = this.#pick([-400, -3, 3, 40, 400, 1500]) * dayMs
      // A folder's own times go back with the clock: what is taken then is older than all, and is let go as such.
      if (this.#options.storeClock === 'Same') this.#offset = Math.abs(this.#offset)
    }
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#chance() * items.length)] as Item
  }

  #name(word: string, time: number): string {
    this.#number += 1
    return `${new Date(time).toISOString()} ${word} ${this.#number}`
  }

  /** The store's clock, when it is truly this time. */
  #stored(trueTime: number): number {
    return trueTime + (this.#options.storeClock === 'Same' ? this.#offset : 0)
  }

  #backup(trueTime: number, reason: BackupReason): void {
    const claimed = trueTime + this.#offset
    const archive: SimulatedArchive = {
      backupId: this.#name(reason, claimed),
      startTime: new Date(claimed),
      storedTime: new Date(this.#stored(trueTime) + 2 * minuteMs),
      reason,
      held: this.#chance() < 0.002,
      verification: undefined,
      trueTime,
      rightClock: this.#offset === 0,
      day: dayText(this.#options.storeClock === 'Own' ? trueTime : claimed),
      onPageEdge: this.#chance() < 0.01,
    }
    this.#archives.set(archive.backupId, archive)
    this.counts.backups += 1
    this.#promised.add(archive.day)
  }

  #trial(day: number): void {
    const newest = [...this.#archives.values()].findLast(({ rightClock }) => rightClock)
    if (newest === undefined || day < this.#trialsAgainAfter || newest.verification !== undefined) return
    const verification = this.#chance() < 0.1 ? 'Failed' : 'Verified'
    this.#archives.set(newest.backupId, { ...newest, verification })
    this.counts[verification === 'Verified' ? 'verified' : 'failedTrials'] += 1
    this.#everVerified ||= verification === 'Verified'
  }

  #prune(day: number, trueTime: number): void {
    const torn = this.#chance() < 0.05
    if (torn) this.counts.tornListings += 1
    if (torn && this.#options.onTornListing !== 'GoOn') return
    this.counts.prunes += 1
    const { policy, firstDay } = policyOf(day, this.#options.changes)
    const seen = [...this.#archives.values()]
    const isLost = ({ onPageEdge }: SimulatedArchive) => torn && onPageEdge
    const { remove, removeIncomplete } = this.#options.plan({
      policy,
      now: new Date(trueTime + this.#offset),
      archives: seen.filter((archive) => !isLost(archive)),
      incomplete: [
        ...[...this.#incomplete].map(([backupId, time]) => ({ backupId, lastModified: new Date(time) })),
        ...seen.filter(isLost).map(({ backupId, storedTime }) => ({ backupId, lastModified: storedTime })),
      ],
    })
    const before = new Map(this.#archives)
    const whole = this.#chance() > 0.1
    // A killed prune did some of it.
    for (const id of whole ? remove : remove.slice(0, Math.floor(this.#chance() * remove.length))) this.#archives.delete(id)
    for (const id of removeIncomplete) {
      this.#archives.delete(id)
      this.#incomplete.delete(id)
    }
    this.counts.removed += before.size - this.#archives.size
    this.#check({ before, trueTime, firstDay, whole })
  }

  #check({ before, trueTime, firstDay, whole }: Pruned): void {
    const today = dayText(trueTime)
    const complain = (what: string) => this.broken.push(`${today}: ${what}`)
    const left = [...this.#archives.values()]
    // Three days with an archive stand between a wrong clock and what is old.
    const newestDays = [...new Set([...before.values()].map(({ day }) => day))].toSorted().slice(-3)
    const reference = newestDays[0] ?? today
    const first = firstDay(reference < today ? reference : today)
    for (const day of this.#promised) if (day < first) this.#promised.delete(day)

    const remembered = new Set(left.map(({ day }) => day))
    for (const day of this.#promised) if (!remembered.has(day)) complain(`the restore point of ${day} is gone`)
    this.#checkRemoved({ before, left, trueTime, first, complain })
    if (this.#everVerified && !left.some(({ verification }) => verification === 'Verified')) complain('no verified archive is left')
    const fresh = left.some(
      (archive) => archive.verification !== 'Failed' && archive.rightClock && trueTime - archive.trueTime < 1.7 * dayMs,
    )
    if (whole && fresh && this.#offset === 0) this.#checkGone(left, first, complain)
  }

  #checkRemoved({ before, left, trueTime, first, complain }: Removed): void {
    const removed = [...before.values()].filter(({ backupId }) => !this.#archives.has(backupId))
    for (const { backupId, held, reason, verification, day, trueTime: taken } of removed) {
      const ageDays = (trueTime - taken) / dayMs
      if (held) complain(`${backupId} was held and is gone`)
      if (ageDays < 2) complain(`${backupId} is younger than two days and gone`)
      if (reason !== 'Scheduled' && ageDays < 30) complain(`${backupId} was taken for an occasion less than 30 days ago and is gone`)
      const isOnlyGood = verification !== 'Failed' && !left.some((other) => other.day === day && other.verification !== 'Failed')
      if (isOnlyGood && day >= first) complain(`the only good archive of ${day} is gone`)
    }
  }

  /** What is older than the retention is gone, but for what stays in any case. */
  #checkGone(left: readonly SimulatedArchive[], first: string, complain: (what: string) => void): void {
    // The last three before a migration by either clock: six, if the clocks agree in none of them.
    const spared = new Set(
      [
        left.findLast(({ verification }) => verification === 'Verified'),
        left.at(-1),
        left.findLast(({ verification }) => verification !== 'Failed'),
        ...left.filter(({ reason, verification }) => reason === 'PreMigration' && verification !== 'Failed').slice(-6),
      ].map((archive) => archive?.backupId),
    )
    const occasion = dayText(Date.parse(first) - 40 * dayMs)
    const recently = dayText(Math.max(...left.map(({ trueTime }) => trueTime)) - 33 * dayMs)
    for (const { backupId, day, rightClock, held, reason } of left) {
      const forOccasion = reason !== 'Scheduled' && (day >= occasion || day >= recently)
      if (rightClock && !held && day < first && !spared.has(backupId) && !forOccasion) {
        complain(`${backupId} is older than ${first} and still there`)
      }
    }
  }
}

interface Pruned {
  readonly before: ReadonlyMap<string, SimulatedArchive>
  readonly trueTime: number
  readonly firstDay: (today: string) => string
  readonly whole: boolean
}

interface Removed {
  readonly before: ReadonlyMap<string, SimulatedArchive>
  readonly left: readonly SimulatedArchive[]
  readonly trueTime: number
  readonly first: string
  readonly complain: (what: string) => void
}
