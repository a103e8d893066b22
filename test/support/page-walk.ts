import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { parse } from 'yaml'
import { ensureBinaries } from '../cluster/binaries.ts'
import { runCommand } from '../cluster/command.ts'
import { silentProgress } from '../cluster/progress.ts'
import { HowToPage } from './how-to-page.ts'

/** Where a person stands who does a page: a cluster, and what the page calls `notejam-prod`. */
export interface PagePlace {
  /** Path of the kubeconfig. */
  readonly kubeconfig: string
  readonly namespace: string
}

type Words = Readonly<Record<string, string>>

/** Nobody waits for an hour in a test. */
const limits: Words = { '--timeout=1h': '--timeout=4m' }

/** A page of `docs/how-to` that is done by a shell in an empty folder, with `kubectl` and `age-keygen` on the path. */
export class PageWalk implements AsyncDisposable {
  readonly #page: HowToPage
  readonly #place: PagePlace
  readonly #folder: string
  readonly #path: string

  private constructor(page: HowToPage, place: PagePlace, folder: string, path: string) {
    this.#page = page
    this.#place = place
    this.#folder = folder
    this.#path = path
  }

  /** @param name - of the file, without its end */
  static async begin(name: string, place: PagePlace): Promise<PageWalk> {
    const tools = await ensureBinaries(['kubectl', 'age-keygen'], { progress: silentProgress })
    const path = [dirname(tools.kubectl), dirname(tools['age-keygen']), process.env['PATH']].join(delimiter)
    const page = await HowToPage.open(join(import.meta.dirname, '../../docs/how-to', `${name}.md`))
    return new PageWalk(page, place, await mkdtemp(join(tmpdir(), 'notejam-page-')), path)
  }

  /** Puts a file where the page has one. */
  async keep(name: string, text: string): Promise<void> {
    await writeFile(join(this.#folder, name), text, { mode: 0o600 })
  }

  /** A file that the page has made. */
  async kept(name: string): Promise<string> {
    return await readFile(join(this.#folder, name), 'utf8')
  }

  /** Does a block of commands; gives what it printed. */
  async run(words: string, replaced: Words = {}): Promise<string> {
    return await this.#shell(this.#block(words, { ...replaced, ...this.#limitOf(words) }))
  }

  /** Applies a block of objects. */
  async apply(words: string, replaced: Words = {}): Promise<void> {
    await this.keep('objects.yaml', this.#block(words, replaced))
    await this.#shell('kubectl apply -f objects.yaml')
  }

  /** A block that stands for a part of an object of one's own. */
  read(words: string, replaced: Words): unknown {
    return parse(this.#page.block(words, replaced))
  }

  /** Fails unless every step of the page was done. */
  end(): void {
    const [left] = this.#page.left
    if (left !== undefined) throw new Error(`nobody did this step of the page: ${left}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }

  #block(words: string, replaced: Words): string {
    const text = this.#page.block(words)
    const named = text.includes('notejam-prod') ? { 'notejam-prod': this.#place.namespace } : {}
    return this.#page.block(words, { ...named, ...replaced })
  }

  #limitOf(words: string): Words {
    return this.#page.block(words).includes('--timeout=1h') ? limits : {}
  }

  async #shell(script: string): Promise<string> {
    const env = { PATH: this.#path, KUBECONFIG: this.#place.kubeconfig, HOME: this.#folder }
    return await runCommand('sh', ['-eu', '-c', script], { cwd: this.#folder, env })
  }
}
