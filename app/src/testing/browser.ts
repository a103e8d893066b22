/** A page as a browser without scripts gets it. */
export interface BrowsedPage {
  readonly status: number
  readonly headers: Headers
  readonly body: string
  /** Text without markup, entities resolved, blanks folded. */
  readonly text: string
  readonly location: string | null
  /** Messages under the fields. */
  readonly errors: readonly string[]
  /** Hidden fields of the forms, the last of a name counting. */
  readonly hidden: Readonly<Record<string, string>>
}

/** A person at a browser: keeps cookies, follows nothing unless told, sends forms. */
export class Browser {
  readonly cookies = new Map<string, string>()
  readonly #baseUrl: string

  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl
  }

  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<BrowsedPage> {
    return this.send('GET', path, undefined, headers)
  }

  async post(
    path: string,
    fields: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<BrowsedPage> {
    return this.send('POST', path, new URLSearchParams(fields).toString(), {
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    })
  }

  /** Posts, and gets the page that the answer leads to. */
  async submit(path: string, fields: Readonly<Record<string, string>> = {}): Promise<BrowsedPage> {
    const answer = await this.post(path, fields)
    return answer.location === null ? answer : this.get(answer.location)
  }

  async send(
    method: string,
    path: string,
    body: string | Uint8Array<ArrayBuffer> | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<BrowsedPage> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(`${this.#baseUrl}${path}`, {
      method,
      redirect: 'manual',
      headers: { ...(cookie === '' ? {} : { cookie }), ...headers },
      ...(body === undefined ? {} : { body }),
    })
    for (const line of response.headers.getSetCookie()) this.#keep(line)
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: text,
      text: textOf(text),
      location: response.headers.get('location'),
      errors: [...text.matchAll(/<ul class="errorlist"[^>]*>(.*?)<\/ul>/gs)].flatMap((list) =>
        [...(list[1] ?? '').matchAll(/<li>(.*?)<\/li>/gs)].map((item) => textOf(item[1] ?? '')),
      ),
      hidden: Object.fromEntries(
        [...text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(([, name = '', value = '']) => [
          name,
          textOf(value),
        ]),
      ),
    }
  }

  /** Creates an account and signs in with it. */
  async signUp(email: string, password: string): Promise<void> {
    await this.post('/signup/', { email, password, confirm_password: password })
    const answer = await this.post('/signin/', { email, password })
    if (answer.location !== '/') throw new Error(`${email} could not sign in: ${answer.status} ${answer.text}`)
  }

  /** Creates a pad and returns its id. */
  async createPad(name: string): Promise<number> {
    await this.post('/pads/create/', { name })
    const { body } = await this.get('/')
    return Math.max(...[...body.matchAll(/href="\/pads\/(\d+)\/"/g)].map(([, id]) => Number(id)))
  }

  /** Creates a note and returns its id. */
  async createNote(name: string, text: string, padId?: number): Promise<number> {
    const answer = await this.post('/notes/create/', { name, text, pad_id: padId === undefined ? '' : String(padId) })
    if (answer.status !== 302) throw new Error(`the note was not taken: ${answer.status} ${answer.errors.join(' ')}`)
    const { body } = await this.get('/')
    return Math.max(...[...body.matchAll(/href="\/notes\/(\d+)\/"/g)].map(([, id]) => Number(id)))
  }

  #keep(line: string): void {
    const [pair = ''] = line.split(';', 1)
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    if (/max-age=0/i.test(line)) this.cookies.delete(name)
    else this.cookies.set(name, pair.slice(at + 1))
  }
}

function textOf(markup: string): string {
  return markup
    .replaceAll(/<(?:head|script|style)\b.*?<\/(?:head|script|style)>/gs, ' ')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replaceAll(/\s+/g, ' ')
    .trim()
}
