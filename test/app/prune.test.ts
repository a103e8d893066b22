import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { archiveKey, ownerPrefix } from '../../app/src/archive/layout.ts'
import { parsePeriod } from '../../app/src/archive/period.ts'
import { prune, type PruneOptions } from '../../app/src/archive/prune.ts'
import { listArchives, readEntries } from '../../app/src/archive/read-catalog.ts'
import type { Store } from '../../app/src/archive/stores/store.ts'
import { StoreUnavailableError } from '../../app/src/errors.ts'
import { notejam } from './notejam.ts'
import { startObjectStore, type ObjectStore } from './object-store.ts'
import { openSampleBucket, openSampleFolder, putArchive, sampleOwner as owner, type SampleStore } from './sample-archives.ts'

const dayMs = 86_400_000
const now = new Date()
const daysAgo = (days: number) => new Date(now.getTime() - days * dayMs - 3_600_000)
const period = (text: string) => parsePeriod(text) ?? expect.unreachable(text)
const policy = { daily: period('P30D'), beforeMigration: period('P30D') }

let server: ObjectStore

beforeAll(async () => {
  server = await startObjectStore()
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

/** Archives of today and the two days before, and of some days long ago. */
async function fill(samples: SampleStore, old: readonly number[] = [100, 101, 102]): Promise<readonly string[]> {
  const ids: string[] = []
  for (const days of [0, 1, 2, ...old]) ids.push(await putArchive(samples, { time: daysAgo(days) }))
  return ids
}

async function keysOf(store: Store): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const { key } of store.list('')) keys.push(key)
  return keys.toSorted()
}

async function idsOf(store: Store): Promise<readonly string[]> {
  return (await listArchives(store, owner)).complete.map(({ backupId }) => backupId)
}

/** Archives that have a manifest and cannot be restored. */
async function problemsOf(store: Store): Promise<readonly string[]> {
  const { complete } = await listArchives(store, owner)
  return (await readEntries(store, complete)).flatMap(({ problem }) => (problem === undefined ? [] : [problem]))
}

/** The same store, some of its methods replaced. */
function withChanges(store: Store, changes: Partial<Store>): Store {
  const bound: Store = {
    name: store.name,
    place: store.place,
    list: (prefix) => store.list(prefix),
    read: (key, options) => store.read(key, options),
    readText: (key, maxBytes) => store.readText(key, maxBytes),
    write: (key, body, options) => store.write(key, body, options),
    create: (key, text, options) => store.create(key, text, options),
    replace: (key, text) => store.replace(key, text),
    remove: (keys) => store.remove(keys),
    dropUnfinished: (before) => store.dropUnfinished(before),
    close: () => store.close(),
  }
  return { ...bound, ...changes }
}

const run = (store: Store, more: Partial<PruneOptions> = {}) => prune({ store, owner, policy, now, ...more })

describe.each([
  ['a folder', () => openSampleFolder()],
  ['a bucket', () => openSampleBucket(server)],
])('in %s', (_kind, open) => {
  test('what is old goes, all else stays', async () => {
    await using samples = await open()
    const ids = await fill(samples)
    const others = ['notejam-prod/notes/another-uid/20200101T000000Z-00000000/manifest.json', 'notejam-prod/other/u/x/data', 'photo.jpg']
    const odd = [`${ownerPrefix(owner)}notes.txt`, archiveKey(owner, ids[3] ?? '', 'mine.txt'), `${ownerPrefix(owner)}erased.json`]
    for (const key of [...others, ...odd]) await samples.put(key, 'x', daysAgo(500))

    const result = await run(samples.store)

    expect(await idsOf(samples.store)).toEqual(ids.slice(0, 3))
    expect(result).toMatchObject({ kept: 3, deleted: 3, incompleteDeleted: 0, broken: [], withheld: undefined })
    expect(result.oldest).toEqual((await listArchives(samples.store, owner)).complete.at(-1)?.startTime)
    expect(result.usageBytes).toBe((await listArchives(samples.store, owner)).usageBytes)
    expect(result.foreign.toSorted()).toEqual([odd[1], odd[0]].toSorted())
    const left = await keysOf(samples.store)
    for (const key of [...others, ...odd]) expect(left).toContain(key)
    expect(left).toHaveLength(others.length + odd.length + 3 * 3)
  })

  test('a dry run says the same and removes nothing', async () => {
    await using samples = await open()
    await fill(samples)
    const before = await keysOf(samples.store)
    const told: string[] = []

    const result = await run(samples.store, { dryRun: true, hold: [], onRemove: (what, id) => told.push(`${what} ${id}`) })

    expect(result).toMatchObject({ kept: 3, deleted: 3 })
    expect(told).toHaveLength(3)
    expect(await keysOf(samples.store)).toEqual(before)
  })

  test('wherever a prune is killed, nothing looks whole that is not; the next one ends it', async () => {
    for (let steps = 0; steps < 9; steps += 1) {
      await using samples = await open()
      await fill(samples)
      let left = steps
      const dying = withChanges(samples.store, {
        remove: async (keys) => {
          for (const key of keys) {
            if (left === 0) throw new StoreUnavailableError('killed', 'Failing')
            left -= 1
            await samples.store.remove([key])
          }
        },
      })

      await expect(run(dying)).rejects.toThrow('killed')

      expect(await problemsOf(samples.store)).toEqual([])
      expect((await idsOf(samples.store)).length).toBe(6 - Math.ceil(steps / 3))
      await run(samples.store)
      expect(await keysOf(samples.store)).toHaveLength(9)
    }
  })

  test('with the manifest as the last to go, a killed prune would leave what only looks whole', async () => {
    await using samples = await open()
    await fill(samples)
    const backwards = withChanges(samples.store, {
      remove: async (keys) => {
        await samples.store.remove(keys.toReversed().slice(0, 1))
        throw new StoreUnavailableError('killed', 'Failing')
      },
    })

    await expect(run(backwards)).rejects.toThrow('killed')

    expect(await problemsOf(samples.store)).toHaveLength(1)
  })

  test('nothing goes by a listing that ends in an error', async () => {
    await using samples = await open()
    await fill(samples)
    const before = await keysOf(samples.store)
    const torn = withChanges(samples.store, {
      list: async function* (prefix) {
        let n = 0
        for await (const object of samples.store.list(prefix)) {
          n += 1
          if (n === 10) throw new StoreUnavailableError('the second page', 'Failing')
          yield object
        }
      },
    })

    await expect(run(torn)).rejects.toMatchObject({ exitCode: 7 })

    expect(await keysOf(samples.store)).toEqual(before)
  })

  test('a folder is looked at once more before it goes: a listing without its manifest costs nothing', async () => {
    await using samples = await open()
    await fill(samples, [20])
    const before = await keysOf(samples.store)
    const careless = withChanges(samples.store, {
      list: async function* (prefix) {
        for await (const object of samples.store.list(prefix)) {
          if (prefix !== ownerPrefix(owner) || !object.key.endsWith('manifest.json') || object.modified > daysAgo(10)) yield object
        }
      },
    })

    expect(await run(careless)).toMatchObject({ deleted: 0, incompleteDeleted: 0 })

    expect(await keysOf(samples.store)).toEqual(before)
  })

  test('what is held stays, by a mark in the store, until it is let go', async () => {
    await using samples = await open()
    const ids = await fill(samples)
    const held = ids.slice(4, 5)

    const first = await run(samples.store, { hold: held })
    const second = await run(samples.store)
    const third = await run(samples.store, { release: held })

    expect([first, second, third].map(({ kept, deleted }) => [kept, deleted])).toEqual([
      [4, 2],
      [4, 0],
      [3, 1],
    ])
  })

  test('a hold that was set while it plans is seen', async () => {
    await using samples = await open()
    const ids = await fill(samples)
    const late = withChanges(samples.store, {
      readText: async (key, maxBytes) => {
        await samples.put(archiveKey(owner, ids[4] ?? '', 'hold.json'), '{}', now)
        return await samples.store.readText(key, maxBytes)
      },
    })

    expect(await run(late)).toMatchObject({ kept: 4, deleted: 2 })
  })

  test('what was cut off goes after two days, what may still be running stays', async () => {
    await using samples = await open()
    await fill(samples, [])
    const without = ['manifest.json', 'secret.age']
    const cutOff = await putArchive(samples, { time: daysAgo(10), without })
    const running = await putArchive(samples, { time: daysAgo(0.5), without })

    expect(await run(samples.store)).toMatchObject({ kept: 3, deleted: 0, incompleteDeleted: 1 })

    expect((await listArchives(samples.store, owner)).incomplete.map(({ backupId }) => backupId)).toEqual([running])
    expect(await keysOf(samples.store)).not.toContain(archiveKey(owner, cutOff, 'data.age'))
  })

  test('a user who may not look after unfinished uploads prunes all the same', async () => {
    await using samples = await open()
    await fill(samples)
    const limited = withChanges(samples.store, {
      dropUnfinished: () => Promise.reject(new StoreUnavailableError('not allowed', 'Denied')),
    })
    const notices: string[] = []

    const result = await run(limited, { onNotice: (notice) => notices.push(notice) })

    expect([result.deleted, result.unfinishedDropped, notices]).toEqual([3, 0, ['not allowed']])
  })

  test('while no backup arrives nothing goes, and it is said why', async () => {
    await using samples = await open()
    for (const days of [3, 4, 5, 100, 101]) await putArchive(samples, { time: daysAgo(days) })
    const before = await keysOf(samples.store)

    const result = await run(samples.store)

    expect(result).toMatchObject({ kept: 5, deleted: 0, unfinishedDropped: 0 })
    expect(result.withheld).toContain('nothing is removed: the newest good archive is of')
    expect(await keysOf(samples.store)).toEqual(before)
  })

  test('the newest verified archive stays, however old', async () => {
    await using samples = await open()
    const [, , , old] = await fill(samples, [])
    const verified = await putArchive(samples, { time: daysAgo(300), verification: 'Verified' })
    await putArchive(samples, { time: daysAgo(299), verification: 'Failed' })

    await run(samples.store)

    expect(old).toBeUndefined()
    expect((await idsOf(samples.store)).at(-1)).toBe(verified)
    expect(await idsOf(samples.store)).toHaveLength(4)
  })

  test('broken archives are named, and hide no other', async () => {
    await using samples = await open()
    await fill(samples)
    await putArchive(samples, { time: daysAgo(5), manifestText: '{"half": ' })
    await putArchive(samples, { time: daysAgo(6), manifestText: '{"formatVersion": 2}' })
    await putArchive(samples, { time: daysAgo(7), without: ['data.age'] })

    const { kept, deleted, broken } = await run(samples.store)

    expect([kept, deleted]).toEqual([6, 3])
    expect(broken.map(({ problem }) => problem)).toEqual([
      'it is not JSON',
      expect.stringContaining('formatVersion'),
      'data.age is not there',
    ])
  })
})

describe('the command', () => {
  const owned = { NOTEJAM_NAMESPACE: owner.namespace, NOTEJAM_INSTANCE: owner.instance, NOTEJAM_INSTANCE_UID: owner.instanceUid }
  const args = ['prune', '--daily', 'P30D']
  const reportOf = (stdout: string) => JSON.parse(stdout) as Readonly<Record<string, unknown>>

  test('prunes both stores and reports', async () => {
    await using first = await openSampleBucket(server)
    await using second = await openSampleFolder()
    const ids = await fill(first)
    await fill(second, [100])
    const env = { ...owned, ...first.environment, SECOND_STORE_PATH: String(second.environment['STORE_PATH']), SECOND_STORE_PREFIX: 'ours' }

    const dry = await notejam([...args, '--dry-run', '--hold', ids[5] ?? ''], env)
    const real = await notejam([...args, '--hold', ids[5] ?? '', '--hold', ids[4] ?? ''], env)

    expect([dry.code, real.code]).toEqual([0, 0])
    expect(reportOf(dry.stdout)).toMatchObject({ outcome: 'Planned', kept: 4, deleted: 2 })
    expect(reportOf(real.stdout)).toMatchObject({
      ...{ command: 'prune', outcome: 'Pruned', kept: 5, storedCount: 5, deleted: 1, incompleteDeleted: 0 },
      second: { state: 'Pruned', kept: 3, deleted: 1 },
    })
    expect(real.stderr).toContain('"what":"archive"')
    for (const secret of Object.values(server.credentials)) expect(real.stdout + real.stderr).not.toContain(secret)
  })

  test('lets old masked copies go, in their own store alone, but for one that somebody begins with; the newest stays', async () => {
    await using archives = await openSampleFolder()
    await using copies = await openSampleFolder()
    const [originals, ids] = [await fill(archives), await fill(copies)]
    const target = Object.entries(copies.environment).map(([name, value]) => [`TARGET_${name}`, value] as const)
    const wanted = ids[4] ?? ''

    const { code, stdout } = await notejam([...args, '--keep', wanted], {
      ...owned,
      ...archives.environment,
      ...Object.fromEntries(target),
    })
    const later = await notejam(args, { ...owned, ...Object.fromEntries(target) })

    expect([code, reportOf(stdout)]).toEqual([0, expect.objectContaining({ outcome: 'Pruned', kept: 4, deleted: 2 })])
    expect((await idsOf(archives.store)).toSorted()).toEqual(originals.toSorted())
    // It left no mark.
    expect(reportOf(later.stdout)).toMatchObject({ kept: 3, deleted: 1 })
    expect((await idsOf(copies.store)).toSorted()).toEqual(ids.slice(0, 3).toSorted())
  })

  test('of a second store that fails it is told, and the first is pruned', async () => {
    await using samples = await openSampleFolder()
    await fill(samples)

    const { code, stdout } = await notejam(args, { ...owned, ...samples.environment, SECOND_STORE_PATH: '/nonexistent' })

    expect(code).toBe(0)
    expect(reportOf(stdout)).toMatchObject({ deleted: 3, second: { state: 'Failed', message: expect.stringContaining('/nonexistent') } })
  })

  test.each<[string, readonly string[], Readonly<Record<string, string>>, number, string]>([
    ['a store that is not there', args, { STORE_PATH: '/nonexistent' }, 7, 'StoreUnavailable'],
    ['no store', args, {}, 2, 'InvalidConfig'],
    ['a period that is none', ['prune', '--daily', 'three years'], { STORE_PATH: '/nonexistent' }, 2, 'InvalidArguments'],
    ['a hold of nothing', [...args, '--hold', 'latest'], { STORE_PATH: '/nonexistent' }, 2, 'InvalidArguments'],
  ])('with %s ends in one clear report', async (_name, given, env, code, outcome) => {
    const ended = await notejam(given, { ...owned, ...env })

    expect([ended.code, reportOf(ended.stdout)['outcome']]).toEqual([code, outcome])
  })
})
