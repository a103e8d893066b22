import { setTimeout as sleep } from 'node:timers/promises'
import { loadConfig } from '../../app/src/config.ts'
import { openDatabase } from '../../app/src/db/open-database.ts'
import { startApp } from '../app/app-process.ts'
import { NotejamClient, type PageAnswer } from '../support/notejam-client.ts'
import type { LocalDatabase } from './local-database.ts'
import { benchSecret, prepareDatabase } from './world.ts'

/** A load of people who read and write while their database is restarted. */
export interface RestartLoadOptions {
  readonly database: LocalDatabase
  /** What is run; the sources unless told. */
  readonly entry?: string
  readonly people: number
  /** Requests a second of all people together, at most. */
  readonly requestsPerSecond: number
  readonly restarts: number
  /** Milliseconds from one restart to the next, and before the first. */
  readonly everyMs: number
  /** Milliseconds that the database stays down, beside what it takes to end and to start. */
  readonly downMs: number
  /** How it is ended, in turns. */
  readonly modes: readonly ('fast' | 'crash')[]
  readonly report: (line: string) => void
}

/** What became of it. */
export interface RestartLoadResult {
  readonly requests: number
  readonly restarts: number
  /** 503 with Retry-After, to a request that was under way or came while the database was down. */
  readonly refused: number
  /** Everything else that was not the answer wanted: another status, no Retry-After, or a refusal while the database was there. */
  readonly wrong: readonly string[]
  readonly acknowledgedWrites: number
  /** Acknowledged writes that the database does not hold afterwards. */
  readonly lostWrites: readonly string[]
  readonly slowestRestartMs: number
  readonly processEnded: boolean
  /** Longest time that one request took. */
  readonly slowestRequestMs: number
}

/** What one person knows of a note: every text that it may have, after writes whose answer did not come, too. */
interface KnownNote {
  readonly name: string
  id: number | undefined
  texts: readonly string[]
  mayBeDeleted: boolean
  mustBeDeleted: boolean
}

interface Sent {
  readonly what: string
  readonly from: number
  readonly to: number
  readonly answer: PageAnswer | undefined
}

/**
 * Runs the load and checks each answer and, at the end, each acknowledged write in the database itself.
 *
 * A request may fail only if its time and a time without database overlap; that ends when a client of the test's own could connect again.
 */
export async function runRestartLoad(options: RestartLoadOptions): Promise<RestartLoadResult> {
  const { database, people, requestsPerSecond, report } = options
  await prepareDatabase(database.url)
  await using app = await startApp({
    databaseUrl: database.url,
    ...(options.entry === undefined ? {} : { entry: options.entry }),
    env: { SECRET_KEY: benchSecret, THROTTLE_PER_ADDRESS: '0', THROTTLE_PER_ACCOUNT: '0', LOG_LEVEL: 'warn' },
  })
  const known: KnownNote[] = []
  const failed: Sent[] = []
  const state = { over: false, requests: 0, acknowledged: 0, slowestMs: 0 }
  const send = async (what: string, request: () => Promise<PageAnswer>, wanted: number): Promise<PageAnswer | undefined> => {
    const from = performance.now()
    const answer = await request().catch(() => undefined)
    const to = performance.now()
    state.requests += 1
    state.slowestMs = Math.max(state.slowestMs, to - from)
    if (answer?.status === wanted) return answer
    failed.push({ what, from, to, answer })
    return undefined
  }
  const pauseMs = (people * 1000) / requestsPerSecond
  const clients = Array.from({ length: people }, () => new NotejamClient({ baseUrl: app.url }))
  await Promise.all(clients.map((client, at) => client.signUp(`person${at}@example.org`, password)))
  const working = clients.map(async (client, at) => {
    const mine: KnownNote[] = []
    for (let step = 0; !state.over; step += 1) {
      const written = await takeStep({ client, at, step, mine, send })
      if (written) state.acknowledged += 1
      await sleep(pauseMs * (0.5 + Math.random()))
    }
    known.push(...mine)
  })
  const downs: (readonly [from: number, to: number])[] = []
  for (let restart = 0; restart < options.restarts; restart += 1) {
    await sleep(options.everyMs - options.downMs)
    const mode = options.modes[restart % options.modes.length] ?? 'fast'
    const from = performance.now()
    await database.stop(mode)
    await sleep(options.downMs)
    const started = performance.now()
    await database.start()
    const to = performance.now()
    downs.push([from, to])
    report(
      `restart ${restart + 1}/${options.restarts} (${mode}), up after ${Math.round(to - started)} ms: ${state.requests} requests, ${failed.length} not answered as wished`,
    )
  }
  await sleep(options.everyMs - options.downMs)
  state.over = true
  await Promise.all(working)
  await Promise.all(clients.map((client) => client.close()))
  const processEnded = app.exitCode() !== undefined
  const overlaps = ({ from, to }: Sent): boolean => downs.some(([down, up]) => from <= up && to >= down)
  const isRefusal = ({ answer }: Sent): boolean => answer?.status === 503 && Number(answer.headers['retry-after']) > 0
  const wrong = failed.filter((sent) => !isRefusal(sent) || !overlaps(sent))
  return {
    requests: state.requests,
    restarts: downs.length,
    refused: failed.length - wrong.length,
    wrong: wrong.map(
      (sent) => `${sent.what}: ${sent.answer?.status ?? 'no answer'}${overlaps(sent) ? '' : ' while the database was there'}`,
    ),
    acknowledgedWrites: state.acknowledged,
    lostWrites: await findLost(database.url, known),
    slowestRestartMs: Math.round(Math.max(...downs.map(([from, to]) => to - from - options.downMs))),
    processEnded,
    slowestRequestMs: Math.round(state.slowestMs),
  }
}

const password = 'a long password'

interface StepOptions {
  readonly client: NotejamClient
  readonly at: number
  readonly step: number
  readonly mine: KnownNote[]
  readonly send: (what: string, request: () => Promise<PageAnswer>, wanted: number) => Promise<PageAnswer | undefined>
}

/** One thing that a person does; true when a write was acknowledged. */
async function takeStep({ client, at, step, mine, send }: StepOptions): Promise<boolean> {
  const note = mine.findLast(({ id, mayBeDeleted }) => id !== undefined && !mayBeDeleted)
  const path = `/notes/${note?.id}/`
  switch (step % 10) {
    case 0:
    case 5: {
      const name = `note-${at}-${step}`
      const written = await send('create a note', () => client.post('/notes/create/', { name, text: 'text 0', pad_id: '' }), 302)
      if (written === undefined) return false
      const made: KnownNote = { name, id: undefined, texts: ['text 0'], mayBeDeleted: false, mustBeDeleted: false }
      mine.push(made)
      const page = await send('list after writing', () => client.get('/'), 200)
      const id = new RegExp(`href="/notes/(\\d+)/">${name}<`).exec(page?.body ?? '')?.[1]
      made.id = id === undefined ? undefined : Number(id)
      return true
    }
    case 2:
    case 7: {
      if (note === undefined) return false
      const text = `text ${step}`
      const before = note.texts
      note.texts = [...before, text]
      const written = await send('change a note', () => client.post(`${path}edit/`, { name: note.name, text, pad_id: '' }), 302)
      if (written !== undefined) note.texts = [text]
      return written !== undefined
    }
    case 8: {
      if (note === undefined || step % 3 !== 0) return false
      note.mayBeDeleted = true
      const written = await send('delete a note', () => client.post(`${path}delete/`, {}), 302)
      note.mustBeDeleted = written !== undefined
      return written !== undefined
    }
    case 4: {
      await send('search', () => client.get('/search/?q=text'), 200)
      return false
    }
    case 9: {
      if (step % 50 !== 49) return false
      await send('sign in', () => client.post('/signin/', { email: `person${at}@example.org`, password }), 302)
      return false
    }
    default: {
      await (note === undefined || step % 2 === 0
        ? send('list', () => client.get('/'), 200)
        : send('read a note', () => client.get(path), 200))
      return false
    }
  }
}

/** Compares what was acknowledged with what a connection of the test's own finds. */
async function findLost(url: string, known: readonly KnownNote[]): Promise<readonly string[]> {
  const { db, close } = await openDatabase(loadConfig({ DATABASE_URL: url, SECRET_KEY: benchSecret }).database)
  try {
    const rows = await db.selectFrom('notes').select(['name', 'text', 'deleted_at']).execute()
    const stored = new Map(rows.map((row) => [row.name, row]))
    return known.flatMap((note) => {
      const row = stored.get(note.name)
      if (row === undefined) return [`${note.name} is not there`]
      if (!note.texts.includes(row.text)) return [`${note.name} holds "${row.text}", not ${note.texts.join(' or ')}`]
      if (note.mustBeDeleted && row.deleted_at === null) return [`${note.name} was deleted and is there`]
      return !note.mayBeDeleted && row.deleted_at !== null ? [`${note.name} is gone`] : []
    })
  } finally {
    await close()
  }
}
