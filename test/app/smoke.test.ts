import { once } from 'node:events'
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { engines } from '../../app/src/db/engine.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import { allRows } from './all-rows.ts'
import { runAppCommand, startApp } from './app-process.ts'
import { createTestDatabase, openTestDatabase } from './databases.ts'
import { notejam, outcomeOf } from './notejam.ts'

interface Served extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly string[]
}

/** A server that answers as it likes. */
async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Served> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    handler(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Hands everything on to a running app, but for requests that `broken` matches: those are a 500. */
function breaking(url: string, broken: RegExp): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    if (broken.test(`${request.method} ${request.url}`)) {
      response.writeHead(500, { 'content-type': 'text/html' }).end('<h1>It <b>broke</b></h1>')
      return
    }
    const onward = forward(`${url}${request.url}`, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onward)
  }
}

const smoke = (url: string, env: Readonly<Record<string, string>> = {}) => notejam(['smoke', '--base', url], env)
const messageOf = ({ stdout }: { readonly stdout: string }): string => (JSON.parse(stdout) as { message: string }).message

describe.each(engines)('smoke on %s', (engine) => {
  test('passes, and leaves every table as it was', async () => {
    await using database = await createTestDatabase(engine)
    await runAppCommand({ databaseUrl: database.url }, ['migrate'])
    await using app = await startApp({ databaseUrl: database.url })
    await using opened = await openTestDatabase(database)
    const person = new NotejamClient({ baseUrl: app.url })
    await person.signUp('person@example.org', 'a long password')
    await person.createNote('stays', 'text')
    await person.close()
    const before = await allRows(opened)

    const first = await smoke(app.url)
    const second = await smoke(app.url)

    expect([first, second].map((run) => [run.code, outcomeOf(run)])).toEqual([
      [0, 'Passed'],
      [0, 'Passed'],
    ])
    expect(await allRows(opened)).toEqual(before)
    expect(Object.values(before).flat().length).toBeGreaterThan(4)
  })
})

describe('smoke finds what is wrong, exit code 10', () => {
  test('with the step and the answer; what was made is deleted all the same', async () => {
    await using database = await createTestDatabase('sqlite')
    await runAppCommand({ databaseUrl: database.url }, ['migrate'])
    await using app = await startApp({ databaseUrl: database.url })
    await using opened = await openTestDatabase(database)
    const before = await allRows(opened)
    const cases = [
      [/^GET \/search/, 'step "search": GET /search/'],
      [/^POST \/notes\/create/, 'step "create a note": POST /notes/create/'],
      [/^GET \/api\//, 'step "notes by the API": GET /api/v1/notes'],
    ] as const

    for (const [broken, step] of cases) {
      await using proxy = await serve(breaking(app.url, broken))
      const run = await smoke(proxy.url)
      expect([run.code, outcomeOf(run)]).toEqual([10, 'SmokeFailed'])
      expect(messageOf(run)).toContain(step)
      expect(messageOf(run)).toContain('answered 500')
      expect(messageOf(run)).toContain('It broke')
    }
    expect(await allRows(opened)).toEqual(before)
  })

  test('an app that answers 500 to everything, one that is not there, and one that is no Notejam', async () => {
    await using broken = await serve((_request, response) => response.writeHead(500).end('no'))
    await using other = await serve((_request, response) => response.writeHead(200).end('<h1>Welcome to nginx</h1>'))

    const runs = await Promise.all([smoke(broken.url), smoke('http://127.0.0.1:1'), smoke(other.url)])

    expect(runs.map((run) => [run.code, outcomeOf(run)])).toEqual(Array.from({ length: 3 }, () => [10, 'SmokeFailed']))
    expect(runs.map((run) => /got no answer|answered \d+/.exec(messageOf(run))?.[0])).toEqual([
      'answered 500',
      'got no answer',
      'answered 200',
    ])
    expect(broken.requests).toHaveLength(1)
  })

  test('no answer says the password of the account', async () => {
    await using echo = await serve((request, response) => {
      void (async () => {
        const body = Buffer.concat((await request.toArray()) as Buffer[]).toString()
        response.writeHead(200).end(`confirm_password ${body}`)
      })()
    })

    const run = await smoke(echo.url)

    const password = /[?&\s]password=([\w-]{20,})/.exec(messageOf(run))
    expect(run.code).toBe(10)
    expect(password).toBeNull()
  })
})

describe('smoke where nothing may be written', () => {
  test('with READ_ONLY it reads, and sees that a write is refused; without it a Notejam that refuses writes fails', async () => {
    await using database = await createTestDatabase('sqlite')
    await runAppCommand({ databaseUrl: database.url }, ['migrate'])
    await using app = await startApp({ databaseUrl: database.url, env: { READ_ONLY: 'true' } })
    await using opened = await openTestDatabase(database)
    const before = await allRows(opened)

    const told = await smoke(app.url, { READ_ONLY: 'true' })
    const untold = await smoke(app.url)

    expect([told, untold].map((run) => [run.code, outcomeOf(run)])).toEqual([
      [0, 'PassedReadOnly'],
      [10, 'SmokeFailed'],
    ])
    expect(messageOf(untold)).toContain('answered 503')
    expect(await allRows(opened)).toEqual(before)
  })

  test('an app that writes although it is told not to fails', async () => {
    await using database = await createTestDatabase('sqlite')
    await runAppCommand({ databaseUrl: database.url }, ['migrate'])
    await using app = await startApp({ databaseUrl: database.url })

    const run = await smoke(app.url, { READ_ONLY: 'true' })

    expect([run.code, outcomeOf(run)]).toEqual([10, 'SmokeFailed'])
  })
})
