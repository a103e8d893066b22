import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { GetObjectRetentionCommand, ListMultipartUploadsCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FolderStore } from '../../app/src/archive/stores/folder-store.ts'
import { createS3Store } from '../../app/src/archive/stores/s3-store.ts'
import type { Store } from '../../app/src/archive/stores/store.ts'
import { ObjectExistsError, ObjectNotFoundError, StoreUnavailableError } from '../../app/src/errors.ts'
import { startObjectStore, type ObjectStore } from './object-store.ts'

const mebibyte = 1024 * 1024
/** S3 takes no smaller part. */
const partBytes = 5 * mebibyte

let server: ObjectStore

beforeAll(async () => {
  server = await startObjectStore()
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

async function* inChunks(bytes: Uint8Array, size = 64 * 1024): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) {
    yield bytes.subarray(at, at + size)
  }
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}

/** A body that stops half-way until it is ended, as that of a writer that hangs. */
function stuckBody(first: Uint8Array) {
  const half = Promise.withResolvers<undefined>()
  const end = Promise.withResolvers<undefined>()
  const body = async function* () {
    yield first
    half.resolve(undefined)
    await end.promise
    throw new Error('the writer is killed')
  }
  return { body: body(), halfWay: half.promise, kill: () => end.resolve(undefined) }
}

async function keysOf(store: Store, prefix: string): Promise<readonly string[]> {
  return (await collect(store.list(prefix))).map(({ key }) => key).toSorted()
}

/** A store and what lies beside its prefix. */
interface Scene {
  readonly store: Store
  /** Puts something there that is not ours. */
  readonly putForeign: (key: string, text: string) => Promise<void>
  readonly foreignKeys: () => Promise<readonly string[]>
}

const kinds: readonly { readonly kind: string; readonly open: () => Promise<Scene> }[] = [
  {
    kind: 'a folder',
    open: async () => {
      const path = await mkdtemp(join(tmpdir(), 'notejam-store-'))
      const put = async (key: string, text: string) => {
        await mkdir(join(path, key, '..'), { recursive: true })
        await writeFile(join(path, key), text)
      }
      return {
        store: new FolderStore({ name: 'volume', path, prefix: 'ours' }),
        putForeign: put,
        foreignKeys: async () => {
          const all = await readdir(path, { recursive: true, withFileTypes: true })
          return all.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
        },
      }
    },
  },
  {
    kind: 'a bucket',
    open: async () => {
      const s3 = await server.createBucket()
      return {
        store: createS3Store({ name: 'offsite', prefix: 'ours', s3, limits: { partBytes } }),
        putForeign: async (key, text) => {
          await server.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key: key, Body: text }))
        },
        foreignKeys: async () => {
          const { Contents: contents = [] } = await server.client.send(new ListObjectsV2Command({ Bucket: s3.bucket }))
          return contents.map(({ Key: key = '' }) => key)
        },
      }
    },
  },
]

describe.each(kinds)('$kind', ({ open }) => {
  test.each([
    ['nothing', 0],
    ['less than a part', 1000],
    ['exactly a part', partBytes],
    ['a part and a byte', partBytes + 1],
    ['several parts', 3 * partBytes + 12_345],
  ])('gives back what was written: %s', async (_name, size) => {
    const { store } = await open()
    const bytes = randomBytes(size)

    const written = await store.write('a/i/u/b/data.age', inChunks(bytes, 100_003))

    expect(written).toEqual({ size, sha256: createHash('sha256').update(bytes).digest('hex') })
    expect((await buffer(await store.read('a/i/u/b/data.age'))).equals(bytes)).toBe(true)
    expect(await collect(store.list('a/'))).toMatchObject([{ key: 'a/i/u/b/data.age', size }])
  })

  test('writes over an object as a whole', async () => {
    const { store } = await open()
    await store.write('a/data', inChunks(Buffer.from('before')))

    await store.write('a/data', inChunks(Buffer.from('after')))

    expect(await store.readText('a/data', 100)).toBe('after')
  })

  test('creates an object once, and leaves the first one as it is', async () => {
    const { store } = await open()
    await store.create('a/manifest.json', 'first')

    await expect(store.create('a/manifest.json', 'second')).rejects.toBeInstanceOf(ObjectExistsError)

    expect(await store.readText('a/manifest.json', 100)).toBe('first')
  })

  test('of ten writers that create one object at once, one is let through', async () => {
    const { store } = await open()

    const results = await Promise.allSettled(Array.from({ length: 10 }, (_, n) => store.create('a/manifest.json', `writer ${n}`)))

    const winners = results.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []))
    expect(winners).toHaveLength(1)
    expect(await store.readText('a/manifest.json', 100)).toBe(`writer ${winners[0]}`)
    expect(results.filter((result) => result.status === 'rejected').every(({ reason }) => reason instanceof ObjectExistsError)).toBe(true)
  })

  test('replaces an object', async () => {
    const { store } = await open()
    await store.replace('a/verification.json', 'one')

    await store.replace('a/verification.json', 'two')

    expect(await store.readText('a/verification.json', 100)).toBe('two')
  })

  test('says of an object that is not there that it is not there', async () => {
    const { store } = await open()

    await expect(store.read('a/b/c')).rejects.toBeInstanceOf(ObjectNotFoundError)
    await expect(store.readText('a/b/c', 10)).rejects.toMatchObject({ code: 'ObjectNotFound' })
  })

  test('reads no more text than it may have', async () => {
    const { store } = await open()
    await store.replace('a/manifest.json', 'x'.repeat(101))

    await expect(store.readText('a/manifest.json', 100)).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(await store.readText('a/manifest.json', 101)).toHaveLength(101)
  })

  test('lists what begins with a prefix, and only that', async () => {
    const { store } = await open()
    for (const key of ['ns/one/u/x/data', 'ns/one/u/x/manifest.json', 'ns/one-more/u/x/data', 'other/one/u/x/data']) {
      await store.replace(key, key)
    }

    expect(await keysOf(store, 'ns/one/')).toEqual(['ns/one/u/x/data', 'ns/one/u/x/manifest.json'])
    expect(await keysOf(store, 'ns/on')).toHaveLength(3)
    expect(await keysOf(store, '')).toHaveLength(4)
    expect(await keysOf(store, 'nobody/')).toEqual([])
  })

  test('removes what it is told to, in its order, and nothing else', async () => {
    const { store } = await open()
    for (const key of ['ns/i/u/x/data', 'ns/i/u/x/manifest.json', 'ns/i/u/y/data']) {
      await store.replace(key, key)
    }

    await store.remove(['ns/i/u/x/manifest.json', 'ns/i/u/x/data', 'ns/i/u/gone/data'])

    expect(await keysOf(store, '')).toEqual(['ns/i/u/y/data'])
  })

  test('neither sees nor touches what lies beside its prefix', async () => {
    const { store, putForeign, foreignKeys } = await open()
    const foreign = ['photo.jpg', 'oursbutnot/data', 'else/where/deep/file', 'our']
    for (const key of foreign) await putForeign(key, 'not yours')
    await store.replace('ns/i/u/x/data', 'ours')

    expect(await keysOf(store, '')).toEqual(['ns/i/u/x/data'])
    await store.dropUnfinished(new Date(Date.now() + 86_400_000))
    await store.remove(['ns/i/u/x/data'])

    expect((await foreignKeys()).toSorted()).toEqual(foreign.toSorted())
  })

  test.each(['', '/etc/passwd', 'a/../b', '../a', 'a//b', 'a/./b', 'a/', 'a\u0000b', 'ä'])('takes no key like %j', async (key) => {
    const { store } = await open()

    await expect(store.read(key)).rejects.toBeInstanceOf(RangeError)
    await expect(store.create(key, '')).rejects.toBeInstanceOf(RangeError)
    await expect(store.remove([key])).rejects.toBeInstanceOf(RangeError)
  })

  test('of a body that fails half-way nothing is to be seen, and nothing stays behind', async () => {
    const { store } = await open()
    const failing = async function* () {
      yield randomBytes(2 * partBytes + 1)
      throw new Error('the dump failed')
    }

    await expect(store.write('a/data', failing())).rejects.toThrow('the dump failed')

    expect(await keysOf(store, '')).toEqual([])
    expect(await store.dropUnfinished(new Date(Date.now() + 86_400_000))).toBe(0)
  })

  test('a writer that is told to stop leaves nothing', async () => {
    const { store } = await open()
    const stop = new AbortController()
    const endless = async function* () {
      for (let n = 0; ; n += 1) {
        if (n === 40) stop.abort(new Error('the deadline is over'))
        yield Buffer.alloc(mebibyte / 2)
      }
    }

    await expect(store.write('a/data', endless(), { signal: stop.signal })).rejects.toThrow('the deadline is over')

    expect(await keysOf(store, '')).toEqual([])
    expect(await store.dropUnfinished(new Date(Date.now() + 86_400_000))).toBe(0)
  })

  test('a stream that nobody reads can be destroyed', async () => {
    const { store } = await open()
    await store.write('a/data', inChunks(randomBytes(mebibyte)))

    const stream = await store.read('a/data')
    stream.destroy()

    await expect(buffer(stream)).rejects.toThrow()
  })
})

describe('a folder', () => {
  test('is not made where the volume is missing: archives would go to the disk of the node', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'notejam-store-'))
    const path = join(folder, 'volume')
    const store = new FolderStore({ name: 'volume', path })

    await expect(store.create('a/b', '')).rejects.toMatchObject({ code: 'StoreUnavailable', exitCode: 7, failure: 'Missing' })
    await expect(collect(store.list('a/'))).rejects.toThrow(`store volume (${path}): cannot list`)
    expect(await readdir(folder)).toEqual([])
    await rm(folder, { recursive: true })
  })

  test('what a killed writer left is not listed, and is dropped once it is old', async () => {
    const path = await mkdtemp(join(tmpdir(), 'notejam-store-'))
    const store = new FolderStore({ name: 'volume', path })
    const { body, halfWay, kill } = stuckBody(Buffer.from('half of it'))
    const writing = store.write('a/data', body)
    await halfWay

    expect(await keysOf(store, '')).toEqual([])
    expect(await store.dropUnfinished(new Date(Date.now() - 60_000))).toBe(0)
    expect(await store.dropUnfinished(new Date(Date.now() + 60_000))).toBe(1)
    expect(await readdir(join(path, '.notejam-partial'))).toEqual([])
    kill()
    await expect(writing).rejects.toThrow('the writer is killed')
    await rm(path, { recursive: true })
  })
})

describe('a bucket', () => {
  test('what a killed writer left is dropped once it is old', async () => {
    const s3 = await server.createBucket()
    const store = createS3Store({ name: 'offsite', prefix: 'ours', s3, limits: { partBytes } })
    const { body, kill } = stuckBody(randomBytes(2 * partBytes))
    const writing = store.write('a/data', body)
    const uploads = async () => (await server.client.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket }))).Uploads ?? []
    await expect.poll(async () => (await uploads()).length).toBe(1)

    expect(await keysOf(store, '')).toEqual([])
    expect(await store.dropUnfinished(new Date(Date.now() - 60_000))).toBe(0)
    expect(await store.dropUnfinished(new Date(Date.now() + 60_000))).toBe(1)
    expect(await uploads()).toEqual([])
    kill()
    await expect(writing).rejects.toThrow('the writer is killed')
  })

  test('lists more objects than one page holds', async () => {
    const s3 = await server.createBucket()
    const store = createS3Store({ name: 'offsite', s3 })
    const keys = Array.from({ length: 1101 }, (_, n) => `ns/i/u/${String(n).padStart(5, '0')}`)
    for (let n = 0; n < keys.length; n += 50) {
      await Promise.all(keys.slice(n, n + 50).map((Key) => server.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body: 'x' }))))
    }

    expect(await keysOf(store, 'ns/i/')).toEqual(keys)
  })

  test('lists keys that XML cannot hold', async () => {
    const s3 = await server.createBucket()
    const store = createS3Store({ name: 'offsite', s3 })
    const odd = ['ns/i/u/a b+c&d<e>%41', 'ns/i/u/ünïcödé ✓']
    for (const Key of odd) await server.client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body: 'x' }))

    expect(await keysOf(store, 'ns/i/')).toEqual(odd.toSorted())
  })

  test.each([
    ['of one part', 1000],
    ['of several parts', 2 * partBytes + 1],
  ])('with object lock gets its archives locked: %s', async (_name, size) => {
    const s3 = await server.createBucket({ objectLock: true })
    const store = createS3Store({ name: 'offsite', s3, limits: { partBytes } })
    const retainUntil = new Date(Date.now() + 3_600_000)
    retainUntil.setUTCMilliseconds(0)

    await store.write('a/data.age', inChunks(randomBytes(size)), { retainUntil })
    await store.create('a/manifest.json', '{}', { retainUntil })

    for (const Key of ['a/data.age', 'a/manifest.json']) {
      const { Retention: retention } = await server.client.send(new GetObjectRetentionCommand({ Bucket: s3.bucket, Key }))
      expect(retention).toEqual({ Mode: 'GOVERNANCE', RetainUntilDate: retainUntil })
    }
  })

  test('without object lock takes archives all the same', async () => {
    const s3 = await server.createBucket()
    const store = createS3Store({ name: 'offsite', s3 })

    await store.create('a/manifest.json', '{}', { retainUntil: new Date(Date.now() + 3_600_000) })

    expect(await store.readText('a/manifest.json', 10)).toBe('{}')
  })

  test('that is not there is named', async () => {
    const s3 = { ...(await server.createBucket()), bucket: 'no-such-bucket' }
    const store = createS3Store({ name: 'offsite', s3 })
    const message = `store offsite (${server.endpoint}, bucket no-such-bucket): cannot write a/b: there is no such bucket`

    await expect(store.create('a/b', '')).rejects.toThrow(message)
    await expect(store.write('a/b', inChunks(randomBytes(10)))).rejects.toThrow(message)
    await expect(collect(store.list('a/'))).rejects.toMatchObject({ exitCode: 7, failure: 'Missing' })
    await expect(store.read('a/b')).rejects.toMatchObject({ code: 'StoreUnavailable', failure: 'Missing' })
  })

  test.each([
    ['an unknown access key', { accessKeyId: 'planted-access-key', secretAccessKey: 'planted-secret' }],
    ['a wrong secret', { accessKeyId: 'tests-access-key', secretAccessKey: 'planted-secret' }],
  ])('refuses %s at once, and no key is in the error', async (_name, credentials) => {
    const s3 = { ...(await server.createBucket()), credentials }
    const store = createS3Store({ name: 'offsite', s3 })

    const error = await store.create('a/b', '').catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error).toMatchObject({ failure: 'Denied', message: expect.stringContaining('refuses these credentials') })
    const told = inspectDeep(error)
    for (const planted of Object.values(credentials)) expect(told).not.toContain(planted)
  })
})

/** All that a logger could find in an error. */
function inspectDeep(value: unknown, seen = new Set<unknown>()): string {
  if (typeof value !== 'object' || value === null || seen.has(value)) {
    return String(value)
  }
  seen.add(value)
  return Reflect.ownKeys(value)
    .map((key) => inspectDeep(Reflect.get(value, key), seen))
    .join('\n')
}

describe('a bucket behind TLS', () => {
  test('is reached with the authority that signed, and refused without', async () => {
    await using secure = await startObjectStore({ tls: true })
    const s3 = await secure.createBucket()
    const trusting = createS3Store({ name: 'offsite', s3 })
    const stranger = createS3Store({ name: 'offsite', s3: { ...s3, caFile: undefined } })

    await trusting.create('a/b', 'hello')

    expect(await trusting.readText('a/b', 10)).toBe('hello')
    await expect(stranger.readText('a/b', 10)).rejects.toThrow('the certificate of the store is not trusted')
    await trusting.close()
  })
})
