import * as fc from 'fast-check'
import { hostileClasses } from './hostile.ts'
import { plansFor, type RequestPlan } from './plans.ts'
import { sendRaw } from './raw-http.ts'
import type { Target } from './surface.ts'
import { findFaults, show } from './verdict.ts'
import { createWorld, type FuzzWorld } from './world.ts'

/** How much is tried. */
export interface FuzzOptions {
  /** Random requests to each target. */
  readonly perTarget: number
  /** Each class of bad input is tried on one in so many targets; 1 is all. */
  readonly hostileStride: number
  readonly seed: number
  readonly report?: (line: string) => void
}

/** What was tried, and what was found. */
export interface FuzzResult {
  readonly requests: number
  readonly targets: number
  readonly fields: number
  /** How many answers had which status. */
  readonly statuses: Readonly<Record<number, number>>
  /** Faults with the request that shows them, the smallest that was found. */
  readonly faults: readonly string[]
}

/** Requests after which the attacker is looked after: most change nothing that later ones need. */
const refreshEvery = 12
const maxFaults = 20

/**
 * Sends requests to every target of an app, random ones and every class of bad input, and judges each answer by the same rules. At the end
 * nothing of somebody else's may have changed, and no line in the log may speak of an error of ours.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  await using world = await createWorld()
  const state = new FuzzRun(world)
  const before = await world.victimRows()
  const { targets, names } = world.surface
  for (const target of targets) {
    await state.tryRandom(target, options)
    options.report?.(`${target.method} ${target.path}: ${state.requests} requests so far, ${state.faults.length} faults`)
  }
  await state.tryHostile(targets, options)
  const after = await world.victimRows()
  if (after !== before) state.faults.push(`something of somebody else's changed: ${before} is now ${after}`)
  for (const line of world.errors().slice(0, maxFaults)) state.faults.push(`the log says: ${line.slice(0, 600)}`)
  return { requests: state.requests, targets: targets.length, fields: names.length, statuses: state.statuses, faults: state.faults }
}

class FuzzRun {
  readonly #world: FuzzWorld
  readonly faults: string[] = []
  readonly statuses: Record<number, number> = {}
  requests = 0

  constructor(world: FuzzWorld) {
    this.#world = world
  }

  async tryRandom(target: Target, { perTarget, seed }: FuzzOptions): Promise<void> {
    const property = fc.asyncProperty(plansFor(target, this.#world.surface), async (plan) => {
      const found = await this.#try(plan)
      if (found !== undefined) throw new Error(found)
    })
    const { failed, errorInstance } = await fc.check(property, { numRuns: perTarget, seed, endOnFailure: false, maxSkipsPerRun: 0 })
    if (failed) this.faults.push(String(errorInstance instanceof Error ? errorInstance.message : errorInstance))
  }

  async #try(plan: RequestPlan): Promise<string | undefined> {
    if (this.requests % refreshEvery === 0) await this.#world.refresh()
    const request = this.#world.render(plan)
    const errors = this.#world.errors().length
    const exchange = await sendRaw(this.#world.port, request)
    this.#count(exchange.answers)
    const faults = [
      ...findFaults(exchange, {
        api: plan.target.kind === 'api',
        head: plan.target.method === 'HEAD',
        beforeRouting: plan.rawQuery || plan.headers.length > 0,
      }),
    ]
    if (this.#world.errors().length > errors) faults.push(`the log says: ${this.#world.errors().at(-1)?.slice(0, 600)}`)
    return faults.length === 0 ? undefined : `${faults.join('; ')}\n  on ${show(request.parts)}`
  }

  async tryHostile(targets: readonly Target[], { hostileStride, seed, report }: FuzzOptions): Promise<void> {
    for (const [at, { name, make }] of hostileClasses.entries()) {
      const fitting = targets.filter((target) => make(this.#world.hostileTarget(target)) !== undefined)
      for (const target of everyNth(fitting, hostileStride, at + seed)) {
        if (this.requests % refreshEvery === 0) await this.#world.refresh()
        const request = make(this.#world.hostileTarget(target))
        if (request === undefined) continue
        const exchange = await sendRaw(this.#world.port, request)
        this.#count(exchange.answers)
        const faults = findFaults(exchange, { api: target.kind === 'api', ...request.expected })
        if (faults.length > 0 && this.faults.length < maxFaults)
          this.faults.push(`${name}: ${faults.join('; ')}\n  on ${show(request.parts)}`)
      }
    }
    report?.(`bad input of ${hostileClasses.length} classes: ${this.requests} requests so far, ${this.faults.length} faults`)
  }

  #count(answers: readonly { readonly status: number }[]): void {
    this.requests += 1
    for (const { status } of answers) this.statuses[status] = (this.statuses[status] ?? 0) + 1
  }
}

/** One in so many of the pages and of the operations, and at least one of both. */
function everyNth(targets: readonly Target[], stride: number, shift: number): readonly Target[] {
  return (['page', 'api'] as const).flatMap((kind) => {
    const of = targets.filter((target) => target.kind === kind)
    const chosen = of.filter((_, at) => (at + shift) % stride === 0)
    return chosen.length > 0 ? chosen : of.slice(shift % Math.max(1, of.length)).slice(0, 1)
  })
}
