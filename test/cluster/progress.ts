/** A step that is running: `note` says what it is at, shown by the next heartbeat. */
export interface Step {
  note(detail: string): void
}

/** Tells a person what the harness is doing, and for how long it has been. */
export interface Progress {
  /** Runs `work`, prints one line when it has ended (or failed), and a heartbeat while it takes long. The error passes through. */
  step<T>(title: string, work: (step: Step) => Promise<T>): Promise<T>
  /** One line that is no step: what will be installed, what was skipped and why. */
  info(message: string): void
}

/** Where the lines go and by which clock; the defaults are what a command line wants. */
export interface ProgressOptions {
  /** Takes whole lines; default: standard error, so that standard output stays for results. */
  readonly write?: (line: string) => void
  /** Milliseconds, monotonic. */
  readonly now?: () => number
  /** Milliseconds between two signs of life of a running step. */
  readonly heartbeatMilliseconds?: number
}

const seconds = (milliseconds: number): string => {
  const total = milliseconds / 1000
  return total < 60 ? `${total.toFixed(1)} s` : `${Math.floor(total / 60)} min ${String(Math.floor(total % 60)).padStart(2, '0')} s`
}

/**
 * Plain lines, no cursor movement: the same text is right on a terminal, in a CI log and in a file.
 *
 * @example
 * const progress = createProgress()
 * await progress.step('etcd 3.6.16: build', async (step) => { step.note('downloading modules'); … })
 */
export function createProgress(options: ProgressOptions = {}): Progress {
  const write = options.write ?? ((line: string): void => void process.stderr.write(`${line}\n`))
  const now = options.now ?? ((): number => performance.now())
  const interval = options.heartbeatMilliseconds ?? 15_000

  return {
    info(message) {
      write(`• ${message}`)
    },
    async step(title, work) {
      const begun = now()
      let detail = ''
      const heartbeat = setInterval(() => {
        write(`… ${title}${detail === '' ? '' : `: ${detail}`} (${seconds(now() - begun)})`)
      }, interval)
      heartbeat.unref()
      try {
        const result = await work({
          note(text) {
            detail = text
          },
        })
        write(`✓ ${title} (${seconds(now() - begun)})`)
        return result
      } catch (error) {
        write(`✗ ${title} (${seconds(now() - begun)})`)
        throw error
      } finally {
        clearInterval(heartbeat)
      }
    },
  }
}

/** Says nothing; for tests and for callers that print results of their own. */
export const silentProgress: Progress = {
  info() {},
  step: async (_title, work) => await work({ note() {} }),
}
