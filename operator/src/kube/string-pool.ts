import type { Clock } from './clock.ts'

/** Shorter ones the parser shares already (V8 internalizes values of up to ten characters); longer ones are hardly ever said twice. */
const shortest = 11
const longest = 160
/** Strings of a generation; at most two generations are kept, some MiB. */
const generationSize = 16_384
/**
 * A generation of so many strings ends once it is so old. A fleet that comes at once is met within a minute; later, what churns (hashes, messages, UIDs)
 * would fill the generations for a quarter of an hour, which looks like a leak and is of use to nobody.
 */
const agedSize = 2048
const agedMs = 60_000

/**
 * Makes equal strings of objects the same string. The objects of an instance say its UID, its labels, its image and names of variables again and
 * again, and a parser makes a new string each time: sharing them takes a quarter off a cache.
 *
 * What was not met for a generation is forgotten, so that names of objects that are gone do not pile up.
 */
export class StringPool {
  readonly #clock: Pick<Clock, 'monotonic'>
  #young = new Map<string, string>()
  #old = new Map<string, string>()
  #since: number

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  /** Strings that are known. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** Puts known strings in the place of equal ones, at any depth. Changes the value itself: it was just parsed and belongs to nobody yet. */
  share<T>(value: T): T {
    return this.#share(value) as T
  }

  #share(value: unknown): unknown {
    if (typeof value === 'string') return value.length < shortest || value.length > longest ? value : this.#canonical(value)
    if (typeof value !== 'object' || value === null) return value
    const members = value as Record<string, unknown>
    for (const name in members) {
      const member = members[name]
      if (typeof member === 'string') members[name] = this.#share(member)
      else if (typeof member === 'object') this.#share(member)
    }
    return value
  }

  #canonical(text: string): string {
    const young = this.#young.get(text)
    if (young !== undefined) return young
    if (this.#young.size >= agedSize) this.#age()
    const known = this.#old.get(text) ?? text
    this.#young.set(known, known)
    return known
  }

  #age(): void {
    const now = this.#clock.monotonic()
    if (this.#young.size < generationSize && now - this.#since < agedMs) return
    this.#old = this.#young
    this.#young = new Map()
    this.#since = now
  }
}
