import { Agent, request } from 'undici'

/** One answer of the app: status, headers and the whole body as text. */
export interface PageAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  /** Path that a redirect leads to, without origin. */
  readonly location: string | undefined
}

/** Where a Notejam is reached, and under which host name it is asked for (an Ingress routes by it). */
export interface NotejamClientOptions {
  readonly baseUrl: string
  readonly host?: string
  /** What a browser says it posts from; of `baseUrl`, or of `host` in clear, unless told: behind TLS it begins with https. */
  readonly origin?: string
}

/**
 * A person at a browser without scripts: keeps cookies, posts forms as a browser does from the same origin, and keeps connections
 * alive. It never retries, so that every failed request shows.
 */
export class NotejamClient {
  readonly #options: NotejamClientOptions
  readonly #agent = new Agent({ connections: 4, keepAliveTimeout: 60_000 })
  readonly #cookies = new Map<string, string>()

  constructor(options: NotejamClientOptions) {
    this.#options = options
  }

  async get(path: string): Promise<PageAnswer> {
    return this.#send('GET', path)
  }

  async post(path: string, fields: Readonly<Record<string, string>>): Promise<PageAnswer> {
    return this.#send('POST', path, new URLSearchParams(fields).toString())
  }

  /** Creates an account and signs in with it. */
  async signUp(email: string, password: string): Promise<void> {
    this.#expectRedirect('sign up', await this.post('/signup/', { email, password, confirm_password: password }))
    await this.signIn(email, password)
  }

  async signIn(email: string, password: string): Promise<void> {
    this.#expectRedirect('sign in', await this.post('/signin/', { email, password }))
  }

  /** Creates a pad and returns its number, found by its name on the page that follows. */
  async createPad(name: string): Promise<number> {
    return await this.#created('pads', name, await this.post('/pads/create/', { name }))
  }

  /** Creates a note and returns its number, found by its name on the page that follows. */
  async createNote(name: string, text: string, padId?: number): Promise<number> {
    return await this.#created(
      'notes',
      name,
      await this.post('/notes/create/', { name, text, pad_id: padId === undefined ? '' : String(padId) }),
    )
  }

  async close(): Promise<void> {
    await this.#agent.close()
  }

  async #created(kind: 'pads' | 'notes', name: string, answer: PageAnswer): Promise<number> {
    this.#expectRedirect(`${kind} ${name}`, answer)
    const page = await this.get(answer.location ?? '/')
    const links = page.body.matchAll(new RegExp(`href="/${kind}/(\\d+)/"[^>]*>([^<]*)<`, 'g'))
    const found = [...links].find(([, , label]) => label?.trim() === escapeHtml(name))
    if (found === undefined) throw new Error(`${kind} ${name} was accepted, but ${answer.location ?? '/'} does not list it`)
    return Number(found[1])
  }

  #expectRedirect(what: string, answer: PageAnswer): void {
    if (answer.status < 300 || answer.status > 399)
      throw new Error(`${what}: expected a redirect, got ${answer.status}: ${answer.body.slice(0, 2_000)}`)
  }

  async #send(method: 'GET' | 'POST', path: string, form?: string): Promise<PageAnswer> {
    const { baseUrl, host } = this.#options
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const origin = this.#options.origin ?? (host === undefined ? new URL(baseUrl).origin : `http://${host}`)
    const response = await request(`${baseUrl}${path}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        ...(host === undefined ? {} : { host }),
        ...(cookie === '' ? {} : { cookie }),
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded', origin, 'sec-fetch-site': 'same-origin' }),
      },
      ...(form === undefined ? {} : { body: form }),
    })
    const body = await response.body.text()
    for (const header of [response.headers['set-cookie'] ?? []].flat()) this.#keepCookie(header)
    const location = [response.headers['location'] ?? []].flat()[0]
    return {
      status: response.statusCode,
      headers: response.headers,
      body,
      location: location === undefined ? undefined : new URL(location, origin).pathname + new URL(location, origin).search,
    }
  }

  #keepCookie(header: string): void {
    const [pair = ''] = header.split(';')
    const at = pair.indexOf('=')
    const name = pair.slice(0, at).trim()
    const value = pair.slice(at + 1).trim()
    if (value === '' || /;\s*max-age=0/i.test(header)) this.#cookies.delete(name)
    else this.#cookies.set(name, value)
  }
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
