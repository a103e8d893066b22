import type { Clock } from './clock.ts'

/** When writes count as a loop. */
export interface HotLoopOptions {
  readonly clock: Clock
  /** Writes to one object by one key within a minute that nobody's edit explains: 30. Loops seen in the field do that in seconds. */
  readonly writesPerMinute?: number
  /** Seconds between two passes that events may start while it is hot: 10. */
  readonly pauseSeconds?: number
}

const windowMs = 60_000

/**
 * Finds a controller that fights with somebody, or with a default of the server, about one object: the same object written again and again although
 * nobody edited what it is made from (restatedev/restate-operator#138 wrote 30,000 times an hour). Such a key is slowed down for a minute.
 */
export class HotLoopDetector {
  readonly #clock: Clock
  readonly #limit: number
  readonly #pauseMs: number
  readonly #keys = new Map<string, Map<string, { since: number; count: number }>>()
  readonly #hot = new Map<string, { until: number; lastAt: number }>()

  constructor({ clock, writesPerMinute = 30, pauseSeconds = 10 }: HotLoopOptions) {
    this.#clock = clock
    this.#limit = writesPerMinute
    this.#pauseMs = pauseSeconds * 1000
  }

  /** A pass on `key` wrote `object`. @returns whether the key became hot by that */
  wrote(key: string, object: string): boolean {
    const now = this.#clock.monotonic()
    const objects = this.#keys.get(key) ?? new Map<string, { since: number; count: number }>()
    this.#keys.set(key, objects)
    const window = objects.get(object)
    if (window === undefined || now - window.since >= windowMs) {
      objects.set(object, { since: now, count: 1 })
      return false
    }
    window.count++
    if (window.count <= this.#limit) return false
    const wasHot = (this.#hot.get(key)?.until ?? 0) > now
    this.#hot.set(key, { until: now + windowMs, lastAt: now })
    return !wasHot
  }

  /** How many milliseconds a pass that an event asks for has to be put off. */
  delay(key: string): number {
    const hot = this.#hot.get(key)
    if (hot === undefined) return 0
    const now = this.#clock.monotonic()
    if (now >= hot.until) {
      this.#hot.delete(key)
      return 0
    }
    return Math.max(0, hot.lastAt + this.#pauseMs - now)
  }

  /** A pass wrote nothing, a person edited the object, or it is gone: what was counted is explained. */
  reset(key: string): void {
    this.#keys.delete(key)
    this.#hot.delete(key)
  }
}
