import { describe, expect, onTestFinished, test } from 'vitest'
import { SystemClock } from '../runtime/clock.ts'
import type { WatchEvent } from './client.ts'
import { ApiError, MalformedAnswer } from './errors.ts'
import { HttpClient } from './http-client.ts'
import { LocalServer, respondJson, respondStatus, type Respond } from './local-server.ts'
import { silentLogger } from './logger.ts'
import { resources } from './resource.ts'
import { Transport } from './transport.ts'

/** A busy machine takes its time. */
const patient = { timeout: 10_000 }

async function scene(respond: Respond) {
  const server = await LocalServer.start(respond)
  const credentials = { current: () => Promise.resolve({ tls: {}, headers: {} }), invalidate: () => {} }
  const transport = new Transport({
    config: { server: server.url, namespace: 'default', credentials },
    clock: new SystemClock(),
    random: () => 0,
    logger: silentLogger,
    userAgent: 'client-test',
  })
  onTestFinished(async () => {
    await transport.close()
    await server[Symbol.asyncDispose]()
  })
  return { server, client: new HttpClient(transport) }
}

const key = { namespace: 'notes', name: 'web' }
const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: key }
const path = '/api/v1/namespaces/notes/configmaps/web'
const answer: Respond = (_, response) => respondJson(response, 200, object)

describe('a call', () => {
  test.each<readonly [string, (client: HttpClient) => Promise<unknown>, string, string | undefined]>([
    ['get', (client) => client.get(resources.configMaps, key), `GET ${path}`, undefined],
    [
      'get of a subresource',
      (client) => client.get(resources.deployments, key, { subresource: 'scale' }),
      'GET /apis/apps/v1/namespaces/notes/deployments/web/scale',
      undefined,
    ],
    [
      'create',
      (client) => client.create(resources.configMaps, object),
      'POST /api/v1/namespaces/notes/configmaps?fieldValidation=Strict',
      'application/json',
    ],
    [
      'dry run',
      (client) => client.create(resources.configMaps, object, { dryRun: true, fieldManager: 'me' }),
      'POST /api/v1/namespaces/notes/configmaps?fieldManager=me&fieldValidation=Strict&dryRun=All',
      'application/json',
    ],
    [
      'replace',
      (client) => client.replace(resources.configMaps, object, { fieldValidation: 'Ignore' }),
      `PUT ${path}?fieldValidation=Ignore`,
      'application/json',
    ],
    [
      'apply',
      (client) => client.apply(resources.configMaps, object, { fieldManager: 'me' }),
      `PATCH ${path}?fieldManager=me&fieldValidation=Strict&force=false`,
      'application/apply-patch+yaml',
    ],
    [
      'forced apply',
      (client) => client.apply(resources.configMaps, object, { fieldManager: 'me', force: true }),
      `PATCH ${path}?fieldManager=me&fieldValidation=Strict&force=true`,
      'application/apply-patch+yaml',
    ],
    [
      'apply of the status',
      (client) => client.applyStatus(resources.configMaps, object, { fieldManager: 'me' }),
      `PATCH ${path}/status?fieldManager=me&fieldValidation=Strict&force=false`,
      'application/apply-patch+yaml',
    ],
    [
      'merge patch',
      (client) => client.patch(resources.configMaps, key, {}),
      `PATCH ${path}?fieldValidation=Strict`,
      'application/merge-patch+json',
    ],
    [
      'JSON patch',
      (client) => client.patch(resources.configMaps, key, [], { type: 'json' }),
      `PATCH ${path}?fieldValidation=Strict`,
      'application/json-patch+json',
    ],
    [
      'strategic patch',
      (client) => client.patch(resources.configMaps, key, {}, { type: 'strategic' }),
      `PATCH ${path}?fieldValidation=Strict`,
      'application/strategic-merge-patch+json',
    ],
    [
      'patch of the status',
      (client) => client.patchStatus(resources.configMaps, key, {}),
      `PATCH ${path}/status?fieldValidation=Strict`,
      'application/merge-patch+json',
    ],
    ['delete', (client) => client.delete(resources.configMaps, key), `DELETE ${path}`, 'application/json'],
    ['eviction', (client) => client.evict(key), 'POST /api/v1/namespaces/notes/pods/web/eviction', 'application/json'],
  ])('%s', async (_, call, line, contentType) => {
    const { server, client } = await scene(answer)

    await expect(call(client)).resolves.not.toThrow()

    expect(server.requests.map(({ method, path: asked, headers }) => [`${method} ${asked}`, headers['content-type']])).toEqual([
      [line, contentType],
    ])
  })

  test('tells in its error what it was', async () => {
    const { client } = await scene((_, response) => respondStatus(response, 404, 'NotFound'))

    await expect(client.get(resources.deployments, key)).rejects.toThrow(
      'The API server refused to get deployments.apps notes/web: 404 NotFound',
    )
  })

  test('asks for metadata alone, and gives the object the kind of its resource', async () => {
    const { server, client } = await scene((_, response) =>
      respondJson(response, 200, { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: key }),
    )

    await expect(client.get(resources.secrets, key, { metadataOnly: true })).resolves.toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: key,
    })
    expect(server.requests[0]?.headers.accept).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1')
  })

  test('whose answer is cut JSON is tried again where it may be, and told otherwise', async () => {
    const { server, client } = await scene(
      (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"kind":'),
    )

    await expect(client.create(resources.configMaps, object)).rejects.toThrow(MalformedAnswer)
    expect(server.requests.length).toBe(1)
  })
})

describe('a deletion', () => {
  test('names propagation and preconditions', async () => {
    const { server, client } = await scene(answer)

    await client.delete(resources.configMaps, key, {
      preconditions: { uid: 'one', resourceVersion: '7' },
      propagation: 'Foreground',
      dryRun: true,
    })

    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid: 'one', resourceVersion: '7' },
      propagationPolicy: 'Foreground',
      dryRun: ['All'],
    })
  })

  test('gives the object that waits for its finalizers, and nothing for one that is gone', async () => {
    const waiting = await scene(answer)
    const gone = await scene((_, response) => respondJson(response, 200, { kind: 'Status', status: 'Success' }))

    await expect(waiting.client.delete(resources.configMaps, key)).resolves.toEqual(object)
    await expect(gone.client.delete(resources.configMaps, key)).resolves.toBeUndefined()
  })

  test('is only repeated when a uid keeps it from hitting a new object of the same name', async () => {
    const busy: Respond = (request, response, number) =>
      number === 0 ? respondStatus(response, 503, 'ServiceUnavailable') : answer(request, response, number)
    const byName = await scene(busy)
    const byUid = await scene(busy)

    await expect(byName.client.delete(resources.configMaps, key)).rejects.toThrow(ApiError)
    await byUid.client.delete(resources.configMaps, key, { preconditions: { uid: 'one' } })

    expect([byName.server.requests.length, byUid.server.requests.length]).toEqual([1, 2])
  })
})

describe('an eviction', () => {
  test('that a budget forbids is told at once', async () => {
    const { server, client } = await scene((_, response) => respondStatus(response, 429, 'TooManyRequests', { 'retry-after': '0' }))

    await expect(client.evict(key)).rejects.toMatchObject({ status: 429 })
    expect(server.requests.length).toBe(1)
  })
})

describe('a list', () => {
  test('gives its items the type that single objects have', async () => {
    const items = [{ metadata: key, data: { a: '1' } }]
    const { server, client } = await scene((_, response) =>
      respondJson(response, 200, { metadata: { resourceVersion: '7', continue: '' }, items }),
    )

    const list = await client.list(resources.configMaps, { namespace: 'notes', labelSelector: 'a=b,c', limit: 5 })

    expect(list).toEqual({ resourceVersion: '7', items: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: key, data: { a: '1' } }] })
    expect(server.requests[0]?.path).toBe('/api/v1/namespaces/notes/configmaps?labelSelector=a%3Db%2Cc&limit=5')
  })

  test('that is empty may come without items', async () => {
    const { client } = await scene((_, response) => respondJson(response, 200, { metadata: { resourceVersion: '7' }, items: null }))

    await expect(client.list(resources.configMaps)).resolves.toEqual({ resourceVersion: '7', items: [] })
  })

  test('without metadata is none', async () => {
    const { client } = await scene((_, response) => respondJson(response, 200, { items: [] }))

    await expect(client.list(resources.configMaps, { maxRetries: 0 })).rejects.toThrow('it has no metadata')
  })

  test('comes page by page, with the version in the first request alone', async () => {
    const page = (next: string) => ({
      metadata: { resourceVersion: '7', continue: next },
      items: [{ metadata: { name: `before ${next}` } }],
    })
    const { server, client } = await scene((_, response, number) => respondJson(response, 200, page(['one', 'two', ''][number] ?? '')))
    const names: string[] = []

    for await (const { items } of client.pages(resources.configMaps, { resourceVersion: '5', resourceVersionMatch: 'NotOlderThan' }))
      names.push(...items.map(({ metadata }) => metadata.name))

    expect(names).toEqual(['before one', 'before two', 'before '])
    expect(server.requests.map(({ path: asked }) => asked)).toEqual([
      '/api/v1/configmaps?resourceVersion=5&resourceVersionMatch=NotOlderThan&limit=500',
      '/api/v1/configmaps?limit=500&continue=one',
      '/api/v1/configmaps?limit=500&continue=two',
    ])
  })
})

describe('a watch', () => {
  async function events(
    ...lines: readonly string[]
  ): Promise<{ readonly path: string; readonly events: readonly WatchEvent<object>[]; readonly error: unknown }> {
    const { server, client } = await scene((_, response) => void response.end(lines.join('\n')))
    const seen: WatchEvent<object>[] = []
    let error: unknown
    try {
      for await (const event of client.watch(resources.configMaps, {
        namespace: 'notes',
        resourceVersion: '7',
        sendInitialEvents: true,
        timeoutSeconds: 300,
      }))
        seen.push(event as WatchEvent<object>)
    } catch (thrown) {
      error = thrown
    }
    return { path: server.requests[0]?.path ?? '', events: seen, error }
  }

  test('asks for bookmarks, and tells events as they are', async () => {
    const found = await events(
      JSON.stringify({ type: 'ADDED', object }),
      JSON.stringify({
        type: 'BOOKMARK',
        object: { metadata: { resourceVersion: '8', annotations: { 'k8s.io/initial-events-end': 'true' } } },
      }),
      JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } }),
      JSON.stringify({ type: 'DELETED', object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: key } }),
      '',
    )

    expect(found).toEqual({
      path: '/api/v1/namespaces/notes/configmaps?watch=true&resourceVersion=7&allowWatchBookmarks=true&sendInitialEvents=true&timeoutSeconds=300',
      events: [
        { type: 'ADDED', object },
        { type: 'BOOKMARK', resourceVersion: '8', endOfInitialEvents: true },
        { type: 'BOOKMARK', resourceVersion: '9', endOfInitialEvents: false },
        { type: 'DELETED', object },
      ],
      error: undefined,
    })
  })

  test('throws what comes as an error event', async () => {
    const { error } = await events(
      JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } }),
      '',
    )

    expect(error).toMatchObject({ code: 'ApiError', status: 410, reason: 'Expired' })
  })

  test.each([
    ['a line that was cut', '{"type":"ADDED","obj', 'ended inside a line'],
    ['a page of HTML', '<html>\n', 'a line is no JSON'],
    ['an event without object', '{"type":"ADDED"}\n', 'an event of type ADDED holds no object'],
    ['an event that nobody knows', `${JSON.stringify({ type: 'MOVED', object })}\n`, 'there is no event type MOVED'],
  ])('takes %s for a malformed answer', async (_, line, message) => {
    const { error } = await events(line)

    expect(error).toBeInstanceOf(MalformedAnswer)
    expect(String(error)).toContain(message)
  })

  test('that is not read to its end is closed', async () => {
    const { server, client } = await scene((_, response) => void response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`))

    for await (const event of client.watch(resources.configMaps)) {
      expect(event.type).toBe('ADDED')
      break
    }

    await expect.poll(() => server.aborted, patient).toBe(1)
  })
})
