import type { AppContext } from '../../app/src/context.ts'
import { withAccessLog } from '../../app/src/http/access-log.ts'
import { createApp } from '../../app/src/http/app.ts'
import { exchangeClasses } from '../../app/src/http/exchange-classes.ts'
import { createHttpServer, listen } from '../../app/src/http/server.ts'
import { createOutbox } from '../../app/src/mail/database-outbox.ts'
import { Browser } from '../../app/src/testing/browser.ts'
import { cheapCost, startApp, type StartedApp } from '../../app/src/testing/start-app.ts'
import type { HostileTarget } from './hostile.ts'
import { placeholders, type PlannedBody, type RequestPlan } from './plans.ts'
import type { RawRequest } from './raw-http.ts'
import { findSurface, type App, type Surface, type Target } from './surface.ts'

/** Stands in what the victim wrote: nobody else may ever read it. */
export const victimMark = 'only-the-victim-reads-this'

/** A running app, somebody who attacks it, and somebody whose things must stay as they are. */
export interface FuzzWorld extends AsyncDisposable {
  readonly context: AppContext
  readonly port: number
  readonly surface: Surface
  /** The bytes of a planned request, with ids and tokens that exist now. */
  render(plan: RequestPlan): RawRequest
  /** A target with a path that exists, and what the attacker is let in with. */
  hostileTarget(target: Target): HostileTarget
  /** Makes sure that the attacker is signed in and has something of each kind. */
  refresh(): Promise<void>
  /** Everything of the victim's, to be compared. */
  victimRows(): Promise<string>
  /** Lines of the log that say that something of ours went wrong. */
  errors(): readonly string[]
  /** Lines of the log, newest last. */
  readonly lines: readonly string[]
}

interface Person {
  readonly browser: Browser
  readonly userId: number
  readonly email: string
  readonly apiToken: string
  readonly ids: Readonly<Record<'note' | 'pad' | 'session' | 'token' | 'deletion' | 'reset', string>>
}

const passwords = { attacker: 'correct horse battery', victim: 'staple of somebody else' }

/** Starts the app on a new database of the engine that `TEST_DATABASE_URL` names; SQLite in memory where it names none. */
export async function createWorld(): Promise<FuzzWorld> {
  const started = await startApp()
  const { context } = started
  const mail = createOutbox({ ...context, smtpUrl: undefined, from: 'Notejam <n@example.org>' })
  const app = createApp({ ...context, mail }, { passwordCost: cheapCost, resetFloorMs: 0, apiRequestsPerMinute: 0 })
  const logged = withAccessLog(app, { log: context.log, metrics: context.metrics, isDraining: () => false })
  const server = createHttpServer(logged, exchangeClasses(app))
  const port = await listen(server, 0)
  const people = new People(started, `http://127.0.0.1:${port}`)
  const victim = await people.create('victim@example.org', passwords.victim, victimMark)
  let attacker = await people.create('attacker@example.org', passwords.attacker, 'mine')
  const surface = await surfaceOf(app, attacker)
  const known = (): ReadonlyMap<string, string> =>
    new Map(
      placeholders.map((name) => {
        const bare = name.slice(1, -1)
        const owner = bare.startsWith('victim-') ? victim : attacker
        const key = bare.replace('victim-', '')
        const value = key === 'email' ? owner.email : key === 'password' ? passwords.attacker : owner.ids[key as keyof Person['ids']]
        return [name, value]
      }),
    )
  let refreshed = 0
  return {
    context,
    port,
    surface,
    lines: started.lines,
    render: (plan) => renderPlan(plan, { fill: filler(known()), attacker }),
    hostileTarget: (target) => {
      const credentials = credentialsOf({ target, who: 'member' }, attacker).map(([name, value]) => `${name}: ${value}\r\n`)
      return { target, path: pathFor(attacker, target.path), credentials: credentials.join('') }
    },
    async refresh() {
      if (await people.isWhole(attacker)) return
      refreshed += 1
      attacker = await people.create(`attacker${refreshed}@example.org`, passwords.attacker, 'mine')
    },
    victimRows: () => people.rowsOf(victim),
    errors: () => started.lines.filter((line) => /"level":(?:50|60|"error"|"fatal")/.test(line)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
      await started[Symbol.asyncDispose]()
    },
  }
}

async function surfaceOf(app: App, person: Person): Promise<Surface> {
  return findSurface({ app, fill: (path) => pathFor(person, path), read: async (path) => (await person.browser.get(path)).body })
}

/** A route's path with ids of somebody's own things. */
function pathFor({ ids }: Person, path: string): string {
  const kind = /\/(note|pad|session|token|deletion)s\/:id/.exec(path)?.[1] as 'note' | undefined
  return path.replace(':id', ids[kind ?? 'note']).replace(':token', ids.reset)
}

class People {
  readonly #started: StartedApp
  readonly #baseUrl: string

  constructor(started: StartedApp, baseUrl: string) {
    this.#started = started
    this.#baseUrl = baseUrl
  }

  /** Somebody with a thing of each kind. */
  async create(email: string, password: string, text: string): Promise<Person> {
    const { db } = this.#started.context
    const browser = new Browser(this.#baseUrl)
    await browser.signUp(email, password)
    const pad = await browser.createPad(`Pad ${text}`)
    const note = await browser.createNote(`Note ${text}`, text, pad)
    const gone = await browser.createNote('Gone', text)
    await browser.post(`/notes/${gone}/delete/`)
    const { body } = await browser.post('/settings/tokens/', { name: 'fuzz', scope: 'read write', days: '0' })
    const apiToken = /<code>([^<…]+)<\/code>/.exec(body)?.[1] ?? ''
    await browser.post('/forgot-password/', { email })
    const { id: userId } = await db.selectFrom('users').select('id').where('email', '=', email).executeTakeFirstOrThrow()
    const one = async (table: 'sessions' | 'api_tokens'): Promise<string> =>
      String((await db.selectFrom(table).select('id').where('user_id', '=', userId).executeTakeFirstOrThrow()).id)
    const deletion = await db.selectFrom('notes').select('deletion_id').where('id', '=', gone).executeTakeFirstOrThrow()
    const mail = await db.selectFrom('mail_outbox').select('text_body').where('recipient', '=', email).executeTakeFirstOrThrow()
    return {
      browser,
      userId,
      email,
      apiToken,
      ids: {
        note: String(note),
        pad: String(pad),
        session: await one('sessions'),
        token: await one('api_tokens'),
        deletion: deletion.deletion_id ?? '',
        reset: /recover-password\/([\w-]+)/.exec(mail.text_body)?.[1] ?? '',
      },
    }
  }

  /** Whether a person is still signed in and nothing of theirs was used up. */
  async isWhole({ userId, ids }: Person): Promise<boolean> {
    const { db } = this.#started.context
    const counts = await Promise.all([
      db.selectFrom('sessions').select('id').where('id', '=', Number(ids.session)).execute(),
      db.selectFrom('api_tokens').select('id').where('id', '=', Number(ids.token)).execute(),
      db.selectFrom('notes').select('id').where('id', '=', Number(ids.note)).where('deleted_at', 'is', null).execute(),
      db.selectFrom('pads').select('id').where('id', '=', Number(ids.pad)).where('deleted_at', 'is', null).execute(),
      db.selectFrom('notes').select('id').where('deletion_id', '=', ids.deletion).execute(),
      db.selectFrom('password_resets').select('id').where('user_id', '=', userId).where('used_at', 'is', null).execute(),
    ])
    return counts.every((rows) => rows.length > 0)
  }

  /** What nobody else may change. Links to choose a new password are left out: everybody may ask for one. */
  async rowsOf({ userId }: Person): Promise<string> {
    const { db } = this.#started.context
    const rows = await Promise.all([
      db.selectFrom('users').selectAll().where('id', '=', userId).execute(),
      ...(['pads', 'notes', 'sessions', 'api_tokens'] as const).map((table) =>
        db.selectFrom(table).selectAll().where('user_id', '=', userId).orderBy('id').execute(),
      ),
    ])
    return JSON.stringify(rows)
  }
}

type Fill = (text: string) => string

function filler(known: ReadonlyMap<string, string>): Fill {
  return (text) => text.replaceAll(/«[\w-]+»/g, (name) => known.get(name) ?? name)
}

function renderPlan(plan: RequestPlan, { fill, attacker }: { readonly fill: Fill; readonly attacker: Person }): RawRequest {
  let next = 0
  const path = plan.target.path.replaceAll(/:\w+/g, () => {
    const value = plan.parts[next] ?? ''
    next += 1
    return escape(fill(value))
  })
  const pair = ([name, value]: readonly [string, string]): string =>
    plan.rawQuery ? `${rawPart(fill(name))}=${rawPart(fill(value))}` : `${escape(fill(name))}=${escape(fill(value))}`
  const query = plan.query.length === 0 ? '' : `?${plan.query.map(pair).join('&').slice(0, 8000)}`
  const body = renderBody(plan.body, fill)
  const credentials = credentialsOf(plan, attacker)
  const own = new Set(plan.headers.map(([name]) => name))
  const headers = [
    ['host', '127.0.0.1'],
    ['connection', 'close'],
    ...(body === undefined
      ? []
      : [...(own.has('content-type') ? [] : [['content-type', body.type]]), ['content-length', String(body.bytes.length)]]),
    ...credentials.filter(([name]) => !own.has(name)),
    ...plan.headers.map(([name, value]) => [name, fill(value)]),
  ]
  const head = `${plan.target.method} ${path}${query} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  return { parts: [Buffer.from(head), ...(body === undefined ? [] : [body.bytes])], head: plan.target.method === 'HEAD' }
}

function credentialsOf({ target, who }: Pick<RequestPlan, 'target' | 'who'>, attacker: Person): readonly (readonly [string, string])[] {
  if (who === 'nobody') return []
  if (target.kind === 'api') return [['authorization', `Bearer ${who === 'member' ? attacker.apiToken : 'x'.repeat(43)}`]]
  const cookie = [...attacker.browser.cookies].map(([name, value]) => `${name}=${who === 'member' ? value : 'A'.repeat(43)}`).join('; ')
  return [['cookie', cookie]]
}

function renderBody(body: PlannedBody, fill: Fill): { readonly type: string; readonly bytes: Buffer } | undefined {
  switch (body.kind) {
    case 'none': {
      return undefined
    }
    case 'form': {
      const encode = body.raw ? (text: string) => text : escape
      const text = body.fields.map(([name, value]) => `${encode(fill(name))}=${encode(fill(value))}`).join('&')
      return { type: 'application/x-www-form-urlencoded', bytes: Buffer.from(text) }
    }
    case 'json': {
      return { type: 'application/json', bytes: Buffer.from(fill(body.text)) }
    }
    case 'bytes': {
      return { type: body.type, bytes: Buffer.from(body.bytes) }
    }
  }
}

/** Percent-encodes; lone surrogates, which have no UTF-8, as the three bytes that careless programs send. */
function escape(text: string): string {
  return [...text]
    .map((character) => {
      const code = character.codePointAt(0) ?? 0
      if (code < 0xd800 || code > 0xdfff) return encodeURIComponent(character)
      return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)].map((byte) => `%${byte.toString(16)}`).join('')
    })
    .join('')
}

/** As it is, but for what would end the request's line. */
function rawPart(text: string): string {
  return text.replaceAll(/[\s\0]/g, '')
}
