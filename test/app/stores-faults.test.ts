import { createHash, randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { ListMultipartUploadsCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { S3Limits } from '../../app/src/archive/stores/s3-connection.ts'
import { createS3Store } from '../../app/src/archive/stores/s3-store.ts'
import type { S3Config } from '../../app/src/archive/stores/store-config.ts'
import type { Store } from '../../app/src/archive/stores/store.ts'
import { ObjectExistsError, StoreUnavailableError } from '../../app/src/errors.ts'
import { createFaultyStore, type FaultyStore, type SeenRequest, type StoreFault } from './faulty-store.ts'
import { startObjectStore, type ObjectStore } from './object-store.ts'

const partBytes = 5 * 1024 * 1024
/** As in life, only quicker. */
const limits: Partial<S3Limits> = {
  retry: { attempts: 3, firstDelayMs: 5, maxDelayMs: 20, budgetMs: 60_000 },
  requestMs: 10_000,
  transferMs: 10_000,
  partBytes,
}
/** Where nobody answers: one try is given up soon, and the others have time enough on a machine that is busy. */
const impatient: Partial<S3Limits> = { ...limits, requestMs: 1000, transferMs: 1000 }
/** Where nobody will ever answer. */
const hopeless: Partial<S3Limits> = { ...impatient, retry: { attempts: 2, firstDelayMs: 5, maxDelayMs: 5, budgetMs: 60_000 } }

let server: ObjectStore
let proxy: FaultyStore
let s3: S3Config
let store: Store
const notices: string[] = []

beforeAll(async () => {
  server = await startObjectStore()
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

beforeEach(async () => {
  proxy = await createFaultyStore(server.port)
  s3 = { ...(await server.createBucket()), endpoint: proxy.endpoint }
  notices.length = 0
  useLimits(limits)
})

afterEach(async () => {
  await store.close()
  await proxy[Symbol.asyncDispose]()
})

function useLimits(chosen: Partial<S3Limits>): void {
  store = createS3Store({ name: 'offsite', s3, limits: chosen, onNotice: (message) => notices.push(message) })
}

type Match = (request: SeenRequest) => boolean

/** Makes the same fault for the first `times` requests that match. */
function fail(matches: Match, fault: StoreFault, times = Number.POSITIVE_INFINITY): () => number {
  let made = 0
  proxy.plan = (request) => {
    if (!matches(request) || made >= times) {
      return undefined
    }
    made += 1
    return fault
  }
  return () => made
}

const isPart: Match = ({ method, query }) => method === 'PUT' && query.has('partNumber')
const isPut: Match = ({ method, query }) => method === 'PUT' && !query.has('partNumber')
const isList: Match = ({ method, query }) => method === 'GET' && query.has('list-type')
const isGet: Match = ({ method, query }) => method === 'GET' && !query.has('list-type')
const isComplete: Match = ({ method, query }) => method === 'POST' && query.has('uploadId')
const isBegin: Match = ({ method, query }) => method === 'POST' && query.has('uploads')
const always: Match = () => true

async function* body(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 1_000_003) yield bytes.subarray(at, at + 1_000_003)
}

async function keys(prefix = 'a/'): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { key } of store.list(prefix)) found.push(key)
  return found
}

/** What is really in the bucket, asked without the proxy. */
async function reallyThere(): Promise<readonly string[]> {
  const { Contents: contents = [] } = await server.client.send(new ListObjectsV2Command({ Bucket: s3.bucket }))
  return contents.map(({ Key: key = '' }) => key)
}

async function uploads(): Promise<number> {
  return (await server.client.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket }))).Uploads?.length ?? 0
}

const passing: readonly (readonly [string, StoreFault])[] = [
  ['500', { type: 'answer', status: 500, code: 'InternalError' }],
  ['503', { type: 'answer', status: 503, code: 'SlowDown' }],
  ['a proxy’s 502', { type: 'answer', status: 502, code: 'BadGateway' }],
  ['429', { type: 'answer', status: 429, code: 'TooManyRequests' }],
  ['a connection that is cut', { type: 'cutRequest', bytes: 100_000 }],
  ['an answer that is lost', { type: 'loseAnswer' }],
  ['an answer that is cut half-way', { type: 'cutAnswer', share: 0.5 }],
  ['no answer at all', { type: 'hang' }],
]

describe.each(passing)('%s, at first', (_name, fault) => {
  const times = fault.type === 'hang' ? 1 : 2

  beforeEach(() => {
    if (fault.type === 'hang') useLimits(impatient)
  })

  test.each<[string, Match]>([
    ['the begin of an upload', isBegin],
    ['a part', isPart],
    ['the end of an upload', isComplete],
  ])('at %s: the archive is whole all the same', async (_where, where) => {
    const bytes = randomBytes(2 * partBytes + 1000)
    const made = fail(where, fault, times)

    const { sha256, size } = await store.write('a/data', body(bytes))

    expect(made()).toBeGreaterThan(0)
    expect({ sha256, size }).toEqual({ sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.byteLength })
    proxy.plan = () => undefined
    expect((await buffer(await store.read('a/data'))).equals(bytes)).toBe(true)
  })

  test('at a listing: it is complete', async () => {
    for (const key of ['a/1', 'a/2', 'a/3']) await store.replace(key, 'x')
    const made = fail(isList, fault, times)

    expect(await keys()).toEqual(['a/1', 'a/2', 'a/3'])
    expect(made()).toBe(times)
  })

  test('at a read: every byte arrives', async () => {
    const bytes = randomBytes(3_000_000)
    await store.write('a/data', body(bytes))
    const made = fail(isGet, fault, times)

    expect((await buffer(await store.read('a/data'))).equals(bytes)).toBe(true)
    expect(made()).toBe(times)
  })

  test('at a conditional write: it is made once, and is ours', async () => {
    const made = fail(isPut, fault, times)

    await store.create('a/manifest.json', 'ours')

    expect(made()).toBeGreaterThan(0)
    expect(await store.readText('a/manifest.json', 100)).toBe('ours')
    proxy.plan = () => undefined
    await expect(store.create('a/manifest.json', 'ours')).rejects.toBeInstanceOf(ObjectExistsError)
  })
})

describe.each([
  ['500', { type: 'answer', status: 500, code: 'InternalError' }, 'Failing', 'the store answered 500 (InternalError)'],
  ['503', { type: 'answer', status: 503, code: 'SlowDown' }, 'Failing', 'the store answered 503 (SlowDown)'],
  ['a cut', { type: 'cutRequest', bytes: 0 }, 'Unreachable', 'no answer ('],
  ['silence', { type: 'hang' }, 'Unreachable', 'no answer (NoAnswer: nothing within'],
  ['a full store', { type: 'answer', status: 507, code: 'InsufficientStorage' }, 'Full', 'the store is full (InsufficientStorage)'],
  ['a quota', { type: 'answer', status: 403, code: 'QuotaExceeded' }, 'Full', 'the store is full (QuotaExceeded)'],
  ['withdrawn credentials', { type: 'answer', status: 403, code: 'AccessDenied' }, 'Denied', 'refuses these credentials (AccessDenied)'],
  ['an expired token', { type: 'answer', status: 400, code: 'ExpiredToken' }, 'Denied', 'refuses these credentials (ExpiredToken)'],
] as const)('%s for good', (_name, fault, failure, message) => {
  beforeEach(() => {
    if (fault.type === 'hang') useLimits(hopeless)
  })

  test.each<[string, Match]>([
    ['the begin', isBegin],
    ['a part', isPart],
    ['the end', isComplete],
  ])('at %s of an upload ends in one clear error, and no archive is there', async (_where, where) => {
    fail(where, fault)

    const error = await store.write('a/data', body(randomBytes(2 * partBytes + 1))).catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error).toMatchObject({ code: 'StoreUnavailable', exitCode: 7, failure })
    expect(String(error)).toContain(`store offsite (${proxy.endpoint}, bucket ${s3.bucket}): cannot write a/data`)
    expect(String(error)).toContain(message)
    expect(await reallyThere()).toEqual([])
    expect(await uploads()).toBe(0)
  })

  test('at anything else ends in the same error', async () => {
    await store.replace('a/one', 'x')
    fail(always, fault)

    for (const work of [() => keys(), () => store.read('a/one'), () => store.create('a/two', ''), () => store.remove(['a/one'])]) {
      await expect(work()).rejects.toMatchObject({ code: 'StoreUnavailable', failure })
    }
    expect(await reallyThere()).toEqual(['a/one'])
  })
})

test('what is refused is not asked for again', async () => {
  fail(always, { type: 'answer', status: 403, code: 'AccessDenied' })

  await expect(keys()).rejects.toThrow('AccessDenied')

  expect(proxy.requests).toHaveLength(1)
})

test('tries are bounded', async () => {
  fail(always, { type: 'answer', status: 503, code: 'SlowDown' })

  await expect(keys()).rejects.toThrow('(3 tries in')

  expect(proxy.requests).toHaveLength(3)
})

test('a part that was changed on its way is refused by the server', async () => {
  const plain = createS3Store({ name: 'offsite', s3, limits })
  // The proxy has no way to change a body; a header that no longer fits it is the same to the server.
  proxy.plan = (request) => {
    if (isPart(request)) request.headers['x-amz-checksum-crc32'] = 'AAAAAA=='
    return undefined
  }

  await expect(plain.write('a/data', body(randomBytes(partBytes + 1)))).rejects.toBeInstanceOf(StoreUnavailableError)

  expect(await reallyThere()).toEqual([])
})

test('an upload whose end was answered to nobody is whole, though the store knows it no more', async () => {
  const bytes = randomBytes(partBytes + 1000)
  let ends = 0
  proxy.plan = (request) => {
    if (!isComplete(request)) return undefined
    ends += 1
    return ends === 1 ? { type: 'loseAnswer' } : { type: 'answer', status: 404, code: 'NoSuchUpload' }
  }

  await store.write('a/data', body(bytes))

  expect(ends).toBe(2)
  expect((await buffer(await store.read('a/data'))).equals(bytes)).toBe(true)
})

test('an object that was changed while it is read is not put together from two', async () => {
  await store.write('a/data', body(Buffer.alloc(3_000_000, 'a')))
  fail(isGet, { type: 'cutAnswer', share: 0.5 }, 1)
  const stream = await store.read('a/data')
  await server.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key: 'a/data', Body: Buffer.alloc(3_000_000, 'b') }))

  await expect(buffer(stream)).rejects.toBeInstanceOf(StoreUnavailableError)
})

describe('a listing that is not complete', () => {
  let full: S3Config

  beforeAll(async () => {
    full = await server.createBucket()
    const numbers = Array.from({ length: 1001 }, (_, n) => n)
    for (let n = 0; n < numbers.length; n += 77) {
      await Promise.all(
        numbers.slice(n, n + 77).map((i) => server.client.send(new PutObjectCommand({ Bucket: full.bucket, Key: `a/${i}`, Body: 'x' }))),
      )
    }
  })

  beforeEach(() => {
    store = createS3Store({ name: 'offsite', s3: { ...full, endpoint: proxy.endpoint }, limits })
  })

  const rewrites: readonly (readonly [string, RegExp, string])[] = [
    ['does not say whether more follow', /<IsTruncated>true<\/IsTruncated>/, ''],
    ['says that more follow and not where', /<NextContinuationToken>[^<]*<\/NextContinuationToken>/, ''],
    ['lacks an object that it counts', /<Contents>.*?<\/Contents>/s, ''],
    ['is not XML to its end', /<Contents>(?:(?!<Contents>).)*<\/ListBucketResult>$/s, ''],
    ['names an object without its time', /<LastModified>[^<]*<\/LastModified>/, ''],
  ]
  test.each(rewrites)('is an error: one that %s', async (_name, from, to) => {
    fail(isList, { type: 'rewrite', from, to })

    await expect(keys()).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  test('is an error: one that leads back to a page seen before', async () => {
    const next = /<NextContinuationToken>[^<]*<\/NextContinuationToken>/
    fail(isList, { type: 'rewrite', from: next, to: '<NextContinuationToken>round</NextContinuationToken>' }, 1)
    const planned = proxy.plan
    proxy.plan = (request) =>
      request.query.get('continuation-token') === null
        ? planned(request)
        : {
            type: 'rewrite',
            from: /<IsTruncated>.*?<\/IsTruncated>/,
            to: '<IsTruncated>true</IsTruncated><NextContinuationToken>round</NextContinuationToken>',
          }

    await expect(keys()).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  test('is an error: one whose second page fails', async () => {
    fail(({ query }) => query.has('continuation-token'), { type: 'answer', status: 500, code: 'InternalError' })

    await expect(keys()).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })
})

describe('a server that does not know conditional writes', () => {
  beforeEach(() => {
    fail(({ headers }) => headers['if-none-match'] !== undefined, { type: 'answer', status: 501, code: 'NotImplemented' })
  })

  test('is said to be one, once, and what is there is looked for first', async () => {
    await store.create('a/one', 'first')
    await store.create('a/two', 'second')

    await expect(store.create('a/one', 'third')).rejects.toBeInstanceOf(ObjectExistsError)

    expect(await store.readText('a/one', 10)).toBe('first')
    expect(notices).toHaveLength(1)
    expect(notices[0]).toContain('does not know conditional writes')
  })
})
