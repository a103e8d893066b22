import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { sendRaw } from '../app-fuzz/raw-http.ts'
import { createWorld, type FuzzWorld } from '../app-fuzz/world.ts'
import type { Target } from '../app-fuzz/surface.ts'
import { allRows } from './all-rows.ts'

interface Answer {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly text: string
}

/** Asks as somebody who is signed in, with an empty form or an empty object. */
async function ask(world: FuzzWorld, target: Target): Promise<Answer> {
  const { path, credentials } = world.hostileTarget(target)
  const [type, body] = target.kind === 'api' ? ['application/json', '{}'] : ['application/x-www-form-urlencoded', 'name=x']
  const entity =
    target.method === 'GET' || target.method === 'DELETE'
      ? '\r\n'
      : `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const query = target.query.includes('q') ? '?q=x' : ''
  const head = `${target.method} ${path}${query} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${credentials}If-Match: *\r\n`
  const { answers } = await sendRaw(world.port, { parts: [Buffer.from(head + entity)] })
  const [answer] = answers
  return {
    status: answer?.status ?? 0,
    retryAfter: answer?.headers.find(([name]) => name === 'retry-after')?.[1],
    text: answer?.body.toString() ?? '',
  }
}

test('READ_ONLY: every form and every operation that writes is refused politely, every page is shown, nothing is written', async () => {
  await using world = await createWorld()
  const { db, engine } = world.context
  Object.assign(world.context.config, { readOnly: true })
  const before = await allRows({ db, engine })
  // What is written in spite of it fails from here on, and would stand in the log.
  await sql`pragma query_only = 1`.execute(db)

  const answers = await Promise.all(world.surface.targets.map(async (target) => ({ target, ...(await ask(world, target)) })))

  const writes = answers.filter(({ target }) => target.method !== 'GET' && !target.path.endsWith('/preview'))
  const reads = answers.filter(({ target }) => target.method === 'GET' || target.path.endsWith('/preview'))
  expect(writes.filter(({ status, retryAfter }) => status !== 503 || retryAfter !== '60').map(({ target }) => target)).toEqual([])
  expect(reads.filter(({ status }) => status !== 200).map(({ target, status }) => ({ target, status }))).toEqual([])
  for (const { target, text } of writes) {
    expect(text).toContain(target.kind === 'api' ? 'urn:notejam:problem:read-only' : 'Notejam can only be read at the moment')
  }
  expect([writes.length > 20, reads.length > 20]).toEqual([true, true])
  expect(await allRows({ db, engine })).toEqual(before)
  expect(world.errors()).toEqual([])
})
