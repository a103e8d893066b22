import { waitFor } from '../cluster/wait-for.ts'
import { NotejamClient } from '../support/notejam-client.ts'

const account = ['ada@example.org', 'correct horse battery'] as const
const written = [
  ['Kept', 'what must never be lost'],
  ['Збережено', 'те, що ніколи не має зникнути'],
  ['保存', '决不能丢失的东西 🗝️'],
] as const

/** What is looked at on a page. */
interface Seen {
  readonly path: string
  readonly status: number
  /** Instants that it names. */
  readonly times: readonly string[]
  /** Those of the written texts that it has. */
  readonly texts: readonly string[]
}

/** A person who wrote notes, knows how they looked, and never signed out. */
export class Witness {
  readonly #host: string
  readonly #ingressUrl: () => string
  readonly #session: NotejamClient
  #before: readonly Seen[] = []

  /**
   * @param host - as people know the instance, wherever it is rebuilt
   * @param ingressUrl - where the Ingress answers now: on another port in another cluster
   */
  constructor(host: string, ingressUrl: () => string) {
    this.#host = host
    this.#ingressUrl = ingressUrl
    this.#session = this.#browser()
  }

  /** Signs up, writes, and remembers how it looks. */
  async write(): Promise<void> {
    await this.pageIsServed()
    await this.#session.signUp(...account)
    const pad = await this.#session.createPad('Papers')
    const paths = [`/pads/${pad}/`]
    for (const [title, text] of written) paths.push(`/notes/${await this.#session.createNote(title, text, pad)}/`)
    this.#before = await Promise.all(paths.map(async (path) => await look(this.#session, path)))
    const odd = this.#before.find(({ status, times, texts }) => status !== 200 || times.length === 0 || texts.length === 0)
    if (odd !== undefined) throw new Error(`a page is not as it was written: ${JSON.stringify(odd)}`)
  }

  async deleteNotes(): Promise<void> {
    const notes = this.#before.filter(({ path }) => path.startsWith('/notes/'))
    for (const { path } of notes) await this.#session.post(`${path}delete/`, { version: '1' })
  }

  /** Waits for the sign-in page. Nobody asks for it, for a visit of a session is written down now and then. */
  async pageIsServed(): Promise<void> {
    const nobody = this.#browser()
    const what = `the sign-in page of ${this.#host}`
    try {
      await waitFor(async () => (await nobody.get('/signin/')).status === 200, { what, timeoutMs: 60_000, intervalMs: 250 })
    } finally {
      await nobody.close()
    }
  }

  /** What the session of before misses. Nobody signs in for it: that is counted, and refused when it is too often. */
  async losses(): Promise<readonly string[]> {
    try {
      return await this.#compare(this.#session, 'the session of before')
    } catch (error) {
      return [String(error)]
    }
  }

  /** What is not as before the first loss, to the session of then and to whoever signs in now. */
  async shortcomings(): Promise<readonly string[]> {
    const other = this.#browser()
    try {
      const old = await this.#compare(this.#session, 'the session of before')
      if (old.length > 0) return old
      await other.signIn(...account)
      return await this.#compare(other, 'the password of before')
    } catch (error) {
      return [String(error)]
    } finally {
      await other.close()
    }
  }

  async close(): Promise<void> {
    await this.#session.close()
  }

  #browser(): NotejamClient {
    const ingressUrl = this.#ingressUrl
    return new NotejamClient({
      get baseUrl() {
        return ingressUrl()
      },
      host: this.#host,
      origin: `https://${this.#host}`,
    })
  }

  async #compare(person: NotejamClient, who: string): Promise<readonly string[]> {
    const found = await Promise.all(this.#before.map(async ({ path }) => await look(person, path)))
    return found.flatMap((now, index) => {
      const wanted = this.#before[index]
      if (JSON.stringify(now) === JSON.stringify(wanted)) return []
      const { path, status, texts, times } = now
      const same = times.filter((time, at) => time === wanted?.times[at])
      const kept = `${texts.length} of ${wanted?.texts.length} texts and ${same.length} of ${wanted?.times.length} times`
      return [`${who} gets ${path} with status ${status}, ${kept}`]
    })
  }
}

async function look(person: NotejamClient, path: string): Promise<Seen> {
  const { status, body } = await person.get(path)
  const times = [...body.matchAll(/datetime="([^"]+)"/g)].map(([, time = '']) => time)
  return { path, status, times, texts: written.flat().filter((text) => body.includes(text)) }
}
