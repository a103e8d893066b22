import { readFile } from 'node:fs/promises'
import type { Clock } from './clock.ts'

/**
 * How old a file's content may be. Kubelets swap token and CA files long before the old ones expire (a token at 80 % of its life); client-go
 * reads tokens at most every 10 s too.
 */
const freshMs = 10_000

/** A file that somebody else swaps now and then: tokens, certificates. */
export class FileSource {
  readonly #path: string
  readonly #clock: Clock
  #content: string | undefined
  #readAt = Number.NEGATIVE_INFINITY

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
  }

  /**
   * The content, at most 10 s old. When the file cannot be read (it may be just being swapped), what it held before is good enough.
   *
   * @throws what reading threw, when it never was read
   */
  async read(): Promise<string> {
    if (this.#content !== undefined && this.#clock.monotonic() - this.#readAt < freshMs) return this.#content
    try {
      this.#content = await readFile(this.#path, 'utf8')
      this.#readAt = this.#clock.monotonic()
      return this.#content
    } catch (error) {
      if (this.#content === undefined) throw error
      return this.#content
    }
  }

  /** The next read goes to the file. */
  invalidate(): void {
    this.#readAt = Number.NEGATIVE_INFINITY
  }
}
