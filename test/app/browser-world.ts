import type { Browser as Chromium, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import type { AppContext } from '../../app/src/context.ts'
import { openDatabase } from '../../app/src/db/open-database.ts'
import { createApp } from '../../app/src/http/app.ts'
import { createHttpServer, listen } from '../../app/src/http/server.ts'
import { createServices, type Services } from '../../app/src/http/services.ts'
import { cheapCost, startApp, type StartedApp } from '../../app/src/testing/start-app.ts'
import { adasPads, extremePads, type SamplePad } from './browser-samples.ts'

/** Somebody with an account, and the cookies of a browser that is signed in. */
export interface Person {
  readonly userId: number
  readonly email: string
  readonly password: string
  readonly cookies: ReadonlyMap<string, string>
  /** Ids by name. */
  readonly pads: ReadonlyMap<string, number>
  readonly notes: ReadonlyMap<string, number>
}

/** A running Notejam with people in it, and the same database behind servers that are set up otherwise. */
export interface World extends AsyncDisposable {
  readonly app: StartedApp
  readonly services: Services
  /** By what is special about them. */
  readonly urls: Readonly<Record<Server, string>>
  /** Has a few pads and notes, such as people have. */
  readonly ada: Person
  /** Has nothing yet. */
  readonly newcomer: Person
  /** Has what breaks layouts: long words, right-to-left text, many pads, many sessions. */
  readonly extreme: Person
  /** Sets the clock to {@link noon}, so that pictures do not change with the day they are made on. */
  toNoon(): void
}

/** `throttled` takes one attempt a minute, `broken` has lost its database. */
export type Server = 'usual' | 'readOnly' | 'throttled' | 'broken'

/** When the world stands still. */
export const noon = Date.UTC(2026, 9, 14, 10, 51)
export const password = 'correct horse'

const minute = 60_000

/** Starts the world on SQLite in memory: engines have their own tests, the pages are the same. */
export async function startWorld(): Promise<World> {
  const app = await startApp()
  const { context } = app
  const services = createServices(context, { passwordCost: cheapCost, resetFloorMs: 0 })
  const to = (at: number): void => app.advance(at - context.clock.now())
  const stops: (() => Promise<void>)[] = []
  const serve = async (changed: Partial<AppContext>): Promise<string> => {
    const server = createHttpServer(createApp({ ...context, ...changed }, { passwordCost: cheapCost, resetFloorMs: 0 }))
    stops.push(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    })
    return `http://127.0.0.1:${await listen(server, 0)}`
  }
  const closed = await openDatabase(context.config.database)
  await closed.close()
  const urls = {
    usual: app.baseUrl,
    readOnly: await serve({ config: { ...context.config, readOnly: true } }),
    throttled: await serve({ config: { ...context.config, throttlePerAccount: 1 } }),
    broken: await serve({ db: closed.db }),
  }
  const person = async (email: string, pads: readonly SamplePad[]): Promise<Person> => {
    const { userId, ids } = await fill(services, { email, pads, to })
    to(noon)
    const browser = app.browser()
    await browser.post('/signin/', { email, password }, { 'user-agent': 'Firefox 152 on Linux' })
    return { userId, email, password, cookies: browser.cookies, ...ids }
  }
  const ada = await person('ada@example.org', adasPads)
  const newcomer = await person('new@example.org', [])
  const extreme = await person(`${'long'.repeat(15)}@${'sub-domain.'.repeat(12)}example.org`, extremePads)
  await addSessions(app, extreme)
  return {
    app,
    services,
    urls,
    ada,
    newcomer,
    extreme,
    toNoon: () => to(noon),
    async [Symbol.asyncDispose]() {
      for (const stop of stops) await stop()
      await app[Symbol.asyncDispose]()
    },
  }
}

interface Filling {
  readonly email: string
  readonly pads: readonly SamplePad[]
  readonly to: (at: number) => void
}

async function fill(services: Services, { email, pads, to }: Filling) {
  const origin = { address: '192.0.2.7', userAgent: 'Firefox 152 on Linux' }
  to(noon - 40 * 24 * 60 * minute)
  await services.accounts.signUp({ email, password }, origin)
  const token = await services.accounts.signIn({ email, password }, origin)
  const member = await services.sessions.authenticate(token)
  if (member === undefined) throw new Error(`${email} is not there`)
  const { userId } = member
  const ids = { pads: new Map<string, number>(), notes: new Map<string, number>() }
  for (const pad of pads) {
    const padId = pad.name === undefined ? null : (await services.pads.create(userId, { name: pad.name })).id
    if (pad.name !== undefined && padId !== null) ids.pads.set(pad.name, padId)
    for (const note of pad.notes) {
      to(noon - note.minutesAgo * minute)
      const { id } = await services.notes.create(userId, { name: note.name, text: note.text, padId })
      ids.notes.set(note.name, id)
    }
  }
  return { userId, ids }
}

/** Browsers whose names are as long as names of browsers get, on addresses of both kinds. */
async function addSessions(app: StartedApp, { email }: Person): Promise<void> {
  const agent =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 19_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/148.0.0.0 Mobile/15E148 Safari/604.1'
  for (let count = 0; count < 4; count += 1) {
    await app.browser().post('/signin/', { email, password }, { 'user-agent': count === 3 ? 'x'.repeat(300) : agent })
  }
}

/** A context of Chromium in which `person` is signed in, or nobody. Its clock stands at {@link noon}, in UTC. */
export async function openContext(
  chromium: Chromium,
  world: World,
  person?: Person,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await chromium.newContext({ locale: 'en-GB', timezoneId: 'UTC', viewport: { width: 1280, height: 800 }, ...options })
  if (person !== undefined) {
    await context.addCookies([...person.cookies].map(([name, value]) => ({ name, value, url: world.urls.usual })))
  }
  return context
}

/** What is said on the console and what the content security policy refused, in the order in which it came. */
export function listenForComplaints(page: Page): readonly string[] {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return
    // The browser says so of every answer that is an error page.
    if (message.text().startsWith('Failed to load resource: the server responded with a status of')) return
    complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  return complaints
}
