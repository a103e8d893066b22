import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long an operator lives before it is killed, in milliseconds. */
interface Lifetimes {
  readonly shortest: number
  readonly longest: number
}

/**
 * The operator as a process of this machine that serves one namespace, is killed with SIGKILL again and again at random points, and is
 * started anew at once. It takes no part in leader election, so that each new one works immediately.
 */
export class MortalOperator {
  readonly #command: readonly string[]
  readonly #log
  readonly #random: () => number
  #kills = 0
  #mortal = true
  #ended = false
  #child: ChildProcess | undefined
  readonly #life: Promise<void>

  constructor(options: { kubeconfig: string; namespace: string; log: string; lifetimes: Lifetimes; random: () => number }) {
    const { kubeconfig, namespace } = options
    this.#command = [
      'operator/src/main.ts',
      'run',
      '--kubeconfig',
      kubeconfig,
      '--namespace',
      namespace,
      '--leader-election',
      'off',
      '--listen',
      '127.0.0.1:0',
    ]
    this.#log = createWriteStream(options.log)
    this.#random = options.random
    this.#life = this.#liveAndDie(options.lifetimes)
  }

  get kills(): number {
    return this.#kills
  }

  /** From now on it is let live. */
  spare(): void {
    this.#mortal = false
  }

  async stop(): Promise<void> {
    this.#ended = true
    this.#mortal = false
    this.#child?.kill('SIGTERM')
    await this.#life
    this.#log.end()
  }

  async #liveAndDie({ shortest, longest }: Lifetimes): Promise<void> {
    while (!this.#ended) {
      const child = spawn(process.execPath, this.#command, { stdio: ['ignore', 'pipe', 'pipe'] })
      this.#child = child
      const exited = once(child, 'exit')
      child.stdout.pipe(this.#log, { end: false })
      child.stderr.pipe(this.#log, { end: false })
      await Promise.race([exited, sleep(shortest + this.#random() * (longest - shortest), undefined, { ref: false })])
      if (this.#mortal && child.exitCode === null) {
        child.kill('SIGKILL')
        this.#kills += 1
      }
      const [code] = (await exited) as [number | null]
      // An operator that ends by itself with an error would otherwise be started in a busy loop.
      if (code !== null && code !== 0) await sleep(1_000)
    }
  }
}
