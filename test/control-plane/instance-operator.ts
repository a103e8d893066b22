import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const main = join(import.meta.dirname, '../../operator/src/main.ts')

/** The operator as a process of its own, for one namespace or, where none is given, for all. */
export class OperatorProcess {
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #ready: Promise<void>

  constructor(
    kubeconfig: string,
    namespace: string | undefined,
    { election = ['--leader-election', 'off'] }: { readonly election?: readonly string[] } = {},
  ) {
    const scope = namespace === undefined ? [] : ['--namespace', namespace]
    const args = [main, 'run', '--kubeconfig', kubeconfig, ...scope, '--listen', '127.0.0.1:0', ...election]
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#ready = promise
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', (line) => {
        this.#lines.push(line)
        if (line.includes('The caches are filled')) resolve()
      })
    }
  }

  /** Resolves once it works. */
  async whenReady(): Promise<void> {
    await this.#ready
  }

  /** What it logged. */
  get log(): readonly string[] {
    return this.#lines
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Ends it at once, in the middle of whatever it does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.alive) return
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    await exited
  }
}
