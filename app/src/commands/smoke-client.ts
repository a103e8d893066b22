import { AppError, exitCodes, messageOf } from '../errors.ts'

const timeoutMs = 15_000
const shownCharacters = 300

/** An answer, with the body read. */
export interface SmokeAnswer {
  readonly status: number
  readonly body: string
  /** Where a redirect leads. */
  readonly location: string
}

/** A browser reduced to cookies and forms: it never follows a redirect, so that each answer is seen. */
export class SmokeClient {
  readonly #base: string
  readonly #cookies = new Map<string, string>()
  /** What was done, in order. */
  readonly steps: string[] = []
  readonly #secrets: string[] = []

  constructor(base: string) {
    this.#base = base.replace(/\/+$/, '')
  }

  /** Keeps a password or token out of every message: an app may show what it was sent. */
  hide(secret: string): void {
    if (secret !== '') this.#secrets.push(secret)
  }

  /** Sends a form that is answered with a page. @throws {@link AppError} `SmokeFailed`, exit code 10, unless the answer is 200 */
  async formPage(step: string, path: string, fields: Readonly<Record<string, string>>): Promise<SmokeAnswer> {
    const answer = await this.#send(step, 'POST', path, { body: new URLSearchParams(fields) })
    if (answer.status !== 200) {
      throw this.#failed(step, `POST ${path}`, answer, '200')
    }
    return answer
  }

  /** Reads JSON with a token. @throws {@link AppError} `SmokeFailed`, exit code 10, unless the answer is 200 and contains `text` */
  async api(step: string, path: string, token: string, text: string): Promise<void> {
    const answer = await this.#send(step, 'GET', path, { token })
    if (answer.status !== 200 || !answer.body.includes(text)) {
      throw this.#failed(step, `GET ${path}`, answer, `200 with "${text}"`)
    }
  }

  /** Sends a form that must be refused. @throws {@link AppError} `SmokeFailed`, exit code 10, unless the answer is `status` */
  async refused(step: string, path: string, fields: Readonly<Record<string, string>>, status: number): Promise<void> {
    const answer = await this.#send(step, 'POST', path, { body: new URLSearchParams(fields) })
    if (answer.status !== status) {
      throw this.#failed(step, `POST ${path}`, answer, String(status))
    }
  }

  /** Reads a page. @throws {@link AppError} `SmokeFailed`, exit code 10, unless the answer is 200 and contains `text` */
  async page(step: string, path: string, text: string): Promise<SmokeAnswer> {
    const answer = await this.#send(step, 'GET', path)
    if (answer.status !== 200 || !answer.body.includes(text)) {
      throw this.#failed(step, `GET ${path}`, answer, `200 with "${text}"`)
    }
    return answer
  }

  /** Sends a form. @throws {@link AppError} `SmokeFailed`, exit code 10, unless the answer is a redirect */
  async form(step: string, path: string, fields: Readonly<Record<string, string>>): Promise<SmokeAnswer> {
    const answer = await this.#send(step, 'POST', path, { body: new URLSearchParams(fields) })
    if (answer.status < 300 || answer.status > 399) {
      throw this.#failed(step, `POST ${path}`, answer, 'a redirect')
    }
    return answer
  }

  /** Asks for a page of which only the status counts. @throws {@link AppError} `SmokeFailed`, exit code 10, unless it is `status` */
  async status(step: string, path: string, status: number): Promise<void> {
    const answer = await this.#send(step, 'GET', path)
    if (answer.status !== status) {
      throw this.#failed(step, `GET ${path}`, answer, String(status))
    }
  }

  async #send(
    step: string,
    method: 'GET' | 'POST',
    path: string,
    { body, token }: { readonly body?: URLSearchParams; readonly token?: string } = {},
  ): Promise<SmokeAnswer> {
    this.steps.push(step)
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    try {
      const response = await fetch(`${this.#base}${path}`, {
        method,
        redirect: 'manual',
        headers: { ...(cookie === '' ? {} : { cookie }), ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined ? {} : { body }),
      })
      for (const header of response.headers.getSetCookie()) {
        this.#keep(header)
      }
      return { status: response.status, body: await response.text(), location: response.headers.get('location') ?? '' }
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : ''
      throw new AppError(`step "${step}" (${method} ${path}) got no answer: ${messageOf(error)}${cause}`, {
        code: 'SmokeFailed',
        exitCode: exitCodes.smokeFailed,
        cause: error,
      })
    }
  }

  #keep(header: string): void {
    const [pair = ''] = header.split(';')
    const at = pair.indexOf('=')
    if (/;\s*max-age=0/i.test(header)) {
      this.#cookies.delete(pair.slice(0, at))
    } else {
      this.#cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
  }

  #failed(step: string, request: string, { status, body }: SmokeAnswer, wanted: string): AppError {
    const said = this.#secrets
      .reduce((text, secret) => text.replaceAll(secret, '…'), body)
      .replaceAll(/<(?:style|script|head)[\s\S]*?<\/(?:style|script|head)>|<[^>]*>/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim()
      .slice(0, shownCharacters)
    return new AppError(`step "${step}": ${request} answered ${status}, wanted was ${wanted}; it said: ${said}`, {
      code: 'SmokeFailed',
      exitCode: exitCodes.smokeFailed,
    })
  }
}
