/** Lets the one thread breathe. */
export interface Breather {
  /** Resolves at once, or after other work had its turn when nobody breathed for 10 ms. */
  breathe(): Promise<void>
}

/** Milliseconds of work after which everything else (sockets, timers, the lease) gets its turn. */
const holdMs = 10

/**
 * Passes that find nothing to do never wait for I/O, so a thousand of them in a row would keep the event loop for a second. Shared by all workers.
 *
 * @param elapsed - monotonic milliseconds
 */
export function createBreather(elapsed: () => number): Breather {
  let last = elapsed()
  return {
    async breathe() {
      if (elapsed() - last < holdMs) return
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
      last = elapsed()
    },
  }
}
