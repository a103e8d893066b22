import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LeaderElector } from './election.ts'
import { LeaseLost, LeaseNotHeld } from './errors.ts'
import { MemoryLease, type LeaseConnection } from './memory-lease.ts'
import { VirtualClock } from './virtual-clock.ts'

const never = new AbortController().signal

interface Candidate {
  readonly clock: VirtualClock
  readonly connection: LeaseConnection
  readonly elector: LeaderElector
  lost: LeaseLost | undefined
}

/** A process with a clock of its own: one that is not advanced is frozen. */
function candidate(lease: MemoryLease, identity: string, options: { readonly random?: number; readonly wall?: number } = {}): Candidate {
  const clock = new VirtualClock(options.wall)
  const connection = lease.connect()
  const elector = new LeaderElector({ lock: connection, identity, clock, random: () => options.random ?? 0.5 })
  const process: Candidate = { clock, connection, elector, lost: undefined }
  void elector.acquire(never)
  void (async () => {
    process.lost = await elector.lost
  })()
  return process
}

/** Lets time pass for some processes, in small steps, so that they interleave. */
async function pass(seconds: number, ...processes: readonly Candidate[]): Promise<void> {
  for (let step = 0; step < seconds * 10; step++) for (const { clock } of processes) await clock.advance(100)
}

describe('taking the lease', () => {
  it('takes one that is not there, with six-digit times', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a')
    await pass(0.1, a)

    expect(a.elector.held).toBe(true)
    expect(lease.stored).toMatchObject({ holder: 'a', durationSeconds: 15, transitions: 0 })
    expect(lease.stored?.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  })

  it('leaves one that is renewed alone, however wrong the clock of its holder is', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a', { wall: Date.UTC(2001, 0, 1) })
    await pass(1, a)
    const b = candidate(lease, 'b', { wall: Date.UTC(2040, 0, 1) })

    await pass(60, a, b)

    expect([a.elector.held, b.elector.held]).toEqual([true, false])
  })

  it('takes one that was not renewed for its duration after we saw it, and counts the transition', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a')
    await pass(1, a)
    const b = candidate(lease, 'b')

    await pass(14.9, b)
    const early = b.elector.held
    await pass(0.5, b)

    expect([early, b.elector.held]).toEqual([false, true])
    expect(lease.stored).toMatchObject({ holder: 'b', transitions: 1 })
  })

  it('gives a holder the longer duration that it announced', async () => {
    const lease = new MemoryLease()
    lease.write({ holder: 'old version', durationSeconds: 60, acquireTime: '', renewTime: '', transitions: 3 })
    const b = candidate(lease, 'b')

    await pass(50, b)
    const early = b.elector.held
    await pass(12, b)

    expect([early, b.elector.held]).toEqual([false, true])
  })

  it('lets two that see it free at the same time not both have it', async () => {
    const lease = new MemoryLease()
    const [a, b] = [candidate(lease, 'a'), candidate(lease, 'b')]

    await pass(3, a, b)

    expect([a, b].filter(({ elector }) => elector.held)).toHaveLength(1)
  })
})

describe('keeping the lease', () => {
  it('survives answers that get lost after the server has written', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a')
    await pass(1, a)
    a.connection.mode = 'answers lost'
    await pass(5, a)
    a.connection.mode = 'up'

    await pass(30, a)

    expect([a.elector.held, a.lost]).toEqual([true, undefined])
  })

  it('takes it up again when somebody deleted it', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a')
    await pass(1, a)
    lease.stored = undefined

    await pass(5, a)

    expect([a.elector.held, lease.stored]).toMatchObject([true, { holder: 'a' }])
  })

  it('loses it after ten seconds without a renewal: five before anybody may take it', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a')
    await pass(1, a)
    a.connection.mode = 'down'

    await pass(8, a)
    const stillHeld = a.elector.held
    await pass(4, a)

    expect([stillHeld, a.elector.held]).toEqual([true, false])
    expect(a.lost).toBeInstanceOf(LeaseLost)
  })

  it('loses it at once when another holder is seen', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a')
    await pass(1, a)
    lease.write({ holder: 'thief', durationSeconds: 15, acquireTime: '', renewTime: '', transitions: 9 })

    await pass(3, a)

    expect(a.lost?.message).toContain('"thief"')
  })

  it('does not mind a wall clock that jumps', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a')
    await pass(1, a)
    a.clock.jumpWallClock(-3_600_000)
    await pass(5, a)
    a.clock.jumpWallClock(7_200_000)

    await pass(20, a)

    expect([a.elector.held, a.lost]).toEqual([true, undefined])
  })
})

describe('fence', () => {
  it('is shut before the lease is held, and says what was refused', () => {
    const { elector } = candidate(new MemoryLease(), 'a')

    expect(() => elector.assertHeld('apply deployments.apps notes/web')).toThrow(
      /Refused to apply deployments\.apps notes\/web.*system\/operator/,
    )
    expect(() => elector.assertHeld('write')).toThrow(LeaseNotHeld)
  })

  it('is shut for a process that was frozen, before any timer of it has fired', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a')
    await pass(1, a)
    const open = a.elector.held

    const thawing = a.clock.thaw(60_000)
    // The first thing that runs is a write, not a timer.
    expect(open).toBe(true)
    expect(() => a.elector.assertHeld('write')).toThrow(LeaseNotHeld)
    await thawing
    expect(a.lost).toBeInstanceOf(LeaseLost)
  })
})

describe('giving the lease away', () => {
  it('hands over within less than a retry period', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a')
    await pass(1, a)
    const b = candidate(lease, 'b', { random: 1 })
    await pass(5, a, b)

    await a.elector.release()
    await pass(1.3, b)

    expect([a.elector.held, b.elector.held, a.lost]).toEqual([false, true, undefined])
  })

  it('writes an empty holder and a duration of one second, as client-go does', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a')
    await pass(1, a)

    await a.elector.release()

    expect(lease.stored).toMatchObject({ holder: '', durationSeconds: 1 })
  })

  it('does not touch a lease that it lost', async () => {
    const lease = new MemoryLease()
    const a = candidate(lease, 'a')
    await pass(1, a)
    lease.write({ holder: 'other', durationSeconds: 15, acquireTime: '', renewTime: '', transitions: 1 })
    await pass(3, a)

    await a.elector.release()

    expect(lease.stored?.holder).toBe('other')
  })
})

it('counts as alive while its loop goes round, in front and behind, and not when a look at the lease never ends', async () => {
  const lease = new MemoryLease()
  const a = candidate(lease, 'a')
  const b = candidate(lease, 'b')
  const clock = new VirtualClock()
  const forever = () => new Promise<never>(() => {})
  const stuck = new LeaderElector({
    lock: { name: 'ns/lease', get: forever, create: forever, update: forever },
    identity: 'c',
    clock,
    random: () => 0,
  })
  void stuck.acquire(never)
  await pass(60, a, b)
  await clock.advance(29_000)
  const before = stuck.alive
  await clock.advance(2000)

  expect([a.elector.alive, b.elector.alive, before, stuck.alive]).toEqual([true, true, true, false])
})

it('never has two holders, whatever is cut, frozen, thawed or lost on the way', async () => {
  const fault = fc.record({
    who: fc.nat(2),
    what: fc.constantFrom('up', 'down', 'answers lost', 'freeze', 'thaw', 'release' as const),
    seconds: fc.constantFrom(0.3, 1, 3, 7, 12, 20),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault, { maxLength: 12, size: 'max' }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }),
      async (faults, randoms) => {
        const lease = new MemoryLease()
        const processes = ['a', 'b', 'c'].map((name, index) => candidate(lease, name, { random: randoms[index] ?? 0 }))
        const frozen = new Map<Candidate, number>()
        for (const { who, what, seconds } of faults) {
          const process = processes[who]
          if (process === undefined) continue
          if (what === 'freeze') frozen.set(process, frozen.get(process) ?? 0)
          else if (what === 'thaw') {
            const missed = frozen.get(process) ?? 0
            frozen.delete(process)
            await process.clock.thaw(missed * 1000)
          } else if (what === 'release') await process.elector.release()
          else process.connection.mode = what
          for (let elapsed = 0; elapsed < seconds; elapsed += 0.5) {
            for (const each of processes) {
              if (frozen.has(each)) frozen.set(each, (frozen.get(each) ?? 0) + 0.5)
              else await each.clock.advance(500)
            }
            // A frozen one writes nothing while it is frozen; asked at the thaw, its own clock shuts it.
            const holders = processes.filter((each) => !frozen.has(each) && each.elector.held)
            expect(holders.length).toBeLessThanOrEqual(1)
          }
        }
      },
    ),
    { numRuns: 150 },
  )
})

it.each([
  { leaseDuration: 10, renewDeadline: 10, retryPeriod: 2 },
  { leaseDuration: 15, renewDeadline: 2.4, retryPeriod: 2 },
  { leaseDuration: 15, renewDeadline: 10, retryPeriod: 0 },
])('refuses times that cannot work: %o', (times) => {
  const lock = new MemoryLease().connect()

  expect(() => new LeaderElector({ lock, identity: 'a', clock: new VirtualClock(), random: () => 0, times })).toThrow(RangeError)
})
