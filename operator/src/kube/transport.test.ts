import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { SystemClock } from '../runtime/clock.ts'
import type { CredentialSource } from './credentials.ts'
import { ApiError, ConnectionError, DeadlineExceeded, MalformedAnswer, WatchSilent } from './errors.ts'
import { LocalServer, respondJson, respondStatus, type Respond } from './local-server.ts'
import { silentLogger } from './logger.ts'
import { noMetrics, type TransportMetrics } from './metrics.ts'
import { Transport, type StreamAnswer, type TransportOptions } from './transport.ts'

const anonymous: CredentialSource = { current: () => Promise.resolve({ tls: {}, headers: {} }), invalidate: () => {} }

interface SceneOptions extends Partial<TransportOptions> {
  readonly credentials?: CredentialSource
  readonly basePath?: string
}

/** A busy machine takes its time. */
vi.setConfig({ testTimeout: 20_000 })
const patient = { timeout: 10_000 }

async function scene(respond: Respond, { credentials = anonymous, basePath = '', ...options }: SceneOptions = {}) {
  const server = await LocalServer.start(respond)
  const transport = new Transport({
    config: { server: `${server.url}${basePath}`, namespace: 'default', credentials },
    clock: new SystemClock(),
    random: () => 0,
    logger: silentLogger,
    userAgent: 'transport-test/1',
    ...options,
  })
  onTestFinished(async () => {
    await transport.close()
    await server[Symbol.asyncDispose]()
  })
  return { server, transport }
}

const ok: Respond = (_, response) => respondJson(response, 200, { kind: 'Pod' })
const get = { method: 'GET', path: '/api/v1/pods', call: 'list pods' } as const
const post = { ...get, method: 'POST', body: { kind: 'Pod' }, call: 'create pods' } as const

/** Answers the first requests by `first`, the others well. */
function firstly(first: Respond, times = 1): Respond {
  return (request, response, number) => (number < times ? first : ok)(request, response, number)
}

const refuse =
  (status: number, reason: string, headers: Readonly<Record<string, string>> = {}): Respond =>
  (_, response) =>
    respondStatus(response, status, reason, headers)
const cut: Respond = (_, response) => void response.socket?.destroy()
const hang: Respond = () => {}
const html: Respond = (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in</html>')

describe('a request', () => {
  test('carries the query without what is undefined, credentials, name and types', async () => {
    const credentials = { ...anonymous, current: () => Promise.resolve({ tls: {}, headers: { authorization: 'Bearer secret' } }) }
    const { server, transport } = await scene(ok, { credentials, basePath: '/clusters/one/' })

    await transport.call({
      ...post,
      method: 'PATCH',
      contentType: 'application/merge-patch+json',
      query: { fieldManager: 'a b', force: true, dryRun: undefined },
    })

    expect(server.requests).toMatchObject([
      {
        method: 'PATCH',
        path: '/clusters/one/api/v1/pods?fieldManager=a+b&force=true',
        headers: {
          authorization: 'Bearer secret',
          'user-agent': 'transport-test/1',
          accept: 'application/json',
          'content-type': 'application/merge-patch+json',
        },
        body: '{"kind":"Pod"}',
      },
    ])
  })

  test('uses one connection after the other request, and no more than the cap at once; the lease does not wait for them', async () => {
    const waiting: (() => void)[] = []
    const { server, transport } = await scene(
      (request, response) => {
        const answer = () => respondJson(response, 200, {})
        if (request.path.includes('lease')) answer()
        else waiting.push(answer)
      },
      { maxInFlight: 3 },
    )
    const calls = Array.from({ length: 10 }, () => transport.call(get))
    await expect.poll(() => waiting.length, patient).toBe(3)

    await transport.call({ ...get, path: '/lease', channel: 'lease' })

    expect(server.mostAtOnce).toBe(4)
    const answering = setInterval(() => waiting.shift()?.(), 1)
    await Promise.all(calls)
    clearInterval(answering)
    expect(server.mostAtOnce).toBe(4)
  })
})

describe('retries', () => {
  test.each<readonly [string, Respond, typeof get | typeof post, number]>([
    ['503', refuse(503, 'ServiceUnavailable'), get, 2],
    ['502', refuse(502, 'Unknown'), get, 2],
    ['a cut connection', cut, get, 2],
    ['a page of HTML', html, get, 2],
    ['429, where the server did nothing,', refuse(429, 'TooManyRequests', { 'retry-after': '0' }), post, 2],
  ])('%s is tried again', async (_, first, request, count) => {
    const { server, transport } = await scene(firstly(first))

    await expect(transport.call(request)).resolves.toMatchObject({ status: 200 })
    expect(server.requests.length).toBe(count)
  })

  test.each<readonly [string, Respond, typeof get | typeof post]>([
    ['404', refuse(404, 'NotFound'), get],
    ['409', refuse(409, 'Conflict'), get],
    ['503 to what may have been done', refuse(503, 'ServiceUnavailable'), post],
    ['500 to what may have been done', refuse(500, 'InternalError'), post],
  ])('%s is not', async (_, first, request) => {
    const { server, transport } = await scene(firstly(first))

    await expect(transport.call(request)).rejects.toThrow(ApiError)
    expect(server.requests.length).toBe(1)
  })

  test('a connection that broke under what may have been done is told as such', async () => {
    const { server, transport } = await scene(cut)

    await expect(transport.call(post)).rejects.toMatchObject({ code: 'ConnectionError', failure: 'Reset', maybeSent: true })
    expect(server.requests.length).toBe(1)
  })

  test('a server that does not listen was sent nothing: that is tried until the deadline, and then said', async () => {
    const { server, transport } = await scene(ok)
    await server[Symbol.asyncDispose]().catch(() => {})
    const started = performance.now()

    const call = transport.call({ ...post, deadlineMs: 300 })

    await expect(call).rejects.toThrow(/No answer to create pods/)
    await call.catch((error: unknown) => expect(error).toBeInstanceOf(ConnectionError))
    expect(performance.now() - started).toBeGreaterThan(100)
  })

  test('they are as many as the caller allows', async () => {
    const { server, transport } = await scene(refuse(503, 'ServiceUnavailable'))

    await expect(transport.call({ ...get, maxRetries: 1 })).rejects.toMatchObject({ status: 503 })
    expect(server.requests.length).toBe(2)
  })

  test('Retry-After is waited for, but not beyond the deadline', async () => {
    const { server, transport } = await scene(refuse(429, 'TooManyRequests', { 'retry-after': '60' }))
    const started = performance.now()

    await expect(transport.call({ ...get, deadlineMs: 5000 })).rejects.toMatchObject({ status: 429, retryAfterSeconds: 60 })
    expect(performance.now() - started).toBeLessThan(2000)
    expect(server.requests.length).toBe(1)
  })

  test('a refused token is read anew and tried once more', async () => {
    let token = 'old'
    let invalidated = 0
    const credentials: CredentialSource = {
      current: () => Promise.resolve({ tls: {}, headers: { authorization: token } }),
      invalidate: () => {
        invalidated += 1
        token = 'new'
      },
    }
    const { server, transport } = await scene(firstly(refuse(401, 'Unauthorized')), { credentials })
    const stubborn = await scene(refuse(401, 'Unauthorized'), { credentials })

    await transport.call(post)
    await expect(stubborn.transport.call(get)).rejects.toMatchObject({ status: 401 })

    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['old', 'new'])
    expect(stubborn.server.requests.length).toBe(2)
    expect(invalidated).toBeGreaterThanOrEqual(2)
  })

  test('the guard is asked before each attempt, and what it throws ends the call', async () => {
    let asked = 0
    const { server, transport } = await scene(refuse(503, 'ServiceUnavailable'))

    const call = transport.call({
      ...get,
      guard: () => {
        if (++asked > 1) throw new Error('the lease is gone')
      },
    })

    await expect(call).rejects.toThrow('the lease is gone')
    expect(server.requests.length).toBe(1)
  })
})

describe('the end of a call', () => {
  test('comes with its deadline, which says what was asked', async () => {
    const { transport } = await scene(hang)

    const call = transport.call({ ...get, deadlineMs: 100 })

    await expect(call).rejects.toThrow(DeadlineExceeded)
    await expect(call).rejects.toThrow('No answer to list pods within 100 ms')
  })

  test('comes with its signal, before it is sent, while it waits for a slot, and while it is under way', async () => {
    const { server, transport } = await scene(hang, { maxInFlight: 1 })
    const reason = new Error('not wanted any more')
    const [early, inSlot, queued] = [new AbortController(), new AbortController(), new AbortController()]
    early.abort(reason)
    const first = transport.call({ ...get, signal: inSlot.signal })
    const second = transport.call({ ...get, signal: queued.signal })
    await expect.poll(() => server.requests.length, patient).toBe(1)

    queued.abort(reason)
    await expect(second).rejects.toBe(reason)
    await expect(transport.call({ ...get, signal: early.signal })).rejects.toBe(reason)
    inSlot.abort(reason)
    await expect(first).rejects.toBe(reason)

    await expect.poll(() => server.aborted, patient).toBe(1)
    expect(server.requests.length).toBe(1)
  })

  test('comes when everything is closed', async () => {
    const { server, transport } = await scene(hang)
    const call = expect(transport.call({ ...post })).rejects.toThrow(ConnectionError)
    await expect.poll(() => server.requests.length, patient).toBe(1)

    await transport.close()

    await call
  })

  test('an answer that is no JSON of the API is told by its beginning', async () => {
    const { transport } = await scene(html)

    const call = transport.call({ ...get, maxRetries: 0 })

    await expect(call).rejects.toThrow(MalformedAnswer)
    await expect(call).rejects.toThrow('it begins with "<html>Sign in</html>"')
  })
})

describe('a stream', () => {
  const request = { path: '/watch', call: 'watch pods', headersTimeoutMs: 1000 }

  async function read({ body }: StreamAnswer): Promise<string> {
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  }

  test('hands on what comes until the server ends it', async () => {
    const { transport } = await scene((_, response) => {
      response.write('one ')
      setTimeout(() => response.end('two'), 20)
    })

    expect(await read(await transport.stream(request))).toBe('one two')
  })

  test('that is refused says why, and is not tried again', async () => {
    const { server, transport } = await scene(refuse(410, 'Expired'))

    await expect(transport.stream(request)).rejects.toMatchObject({ status: 410, reason: 'Expired' })
    expect(server.requests.length).toBe(1)
  })

  test('whose head does not come in time is given up', async () => {
    const { server, transport } = await scene(hang)

    await expect(transport.stream({ ...request, headersTimeoutMs: 100 })).rejects.toThrow(DeadlineExceeded)
    await expect.poll(() => server.aborted, patient).toBe(1)
  })

  test('that falls silent is given up, and the next one gets another connection', async () => {
    const renewed: string[] = []
    const metrics: TransportMetrics = { ...noMetrics.transport, renewed: (reason) => void renewed.push(reason) }
    const { transport } = await scene((_, response) => void response.write('one'), { metrics })

    await expect(read(await transport.stream({ ...request, silenceMs: 80 }))).rejects.toThrow(WatchSilent)
    expect(renewed).toEqual(['Stalled'])
  })

  test('may be read slowly: only waiting for the server counts as silence', async () => {
    const { transport } = await scene((_, response) => {
      response.write('one')
      setTimeout(() => response.end('two'), 10)
    })
    let text = ''

    for await (const chunk of (await transport.stream({ ...request, silenceMs: 400 })).body) {
      text += Buffer.from(chunk).toString()
      await new Promise((resolve) => setTimeout(resolve, 500))
    }

    expect(text).toBe('onetwo')
  })

  test('that is closed is closed for the server too', async () => {
    const { server, transport } = await scene((_, response) => void response.write('one'))
    const answer = await transport.stream(request)

    answer.close()

    await expect.poll(() => server.aborted, patient).toBe(1)
  })

  test('whose signal is aborted rejects with its reason', async () => {
    const stop = new AbortController()
    const { transport } = await scene((_, response) => void response.write('one'))
    const answer = await transport.stream({ ...request, signal: stop.signal })
    const reading = expect(read(answer)).rejects.toThrow('the manager stops')

    stop.abort(new Error('the manager stops'))

    await reading
  })
})

test('what is counted: each attempt by its code, retries, and nothing in flight at the end', async () => {
  const counted: string[] = []
  const inFlight = new Map<string, number>()
  const metrics: TransportMetrics = {
    ...noMetrics.transport,
    requested: (method, _, code) => void counted.push(`${method} ${code}`),
    retried: (method, _, code) => void counted.push(`retry ${method} ${code}`),
    inFlight: (channel, value) => void inFlight.set(channel, value),
  }
  const { transport } = await scene(
    (request, response, number) => [cut, refuse(503, 'ServiceUnavailable'), ok][number]?.(request, response, number),
    { metrics },
  )

  await transport.call(get)

  expect(counted).toEqual(['GET <error>', 'retry GET <error>', 'GET 503', 'retry GET 503', 'GET 200'])
  expect([...inFlight]).toEqual([['calls', 0]])
})
