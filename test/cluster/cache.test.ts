import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { cached, cacheRoot, findCached } from './cache.ts'
import { runCommand } from './command.ts'

/** Mounts need root; the name of such a test says so. */
const isRoot = process.getuid?.() === 0

let root: string
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'notejam-cache-'))
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

const module = fileURLToPath(new URL('cache.ts', import.meta.url))

/** Builds entries that hold one file, and counts how often. */
function counting(content = 'whole'): { readonly request: Parameters<typeof cached>[0]; readonly builds: () => number } {
  let builds = 0
  const request = {
    name: 'thing',
    version: '1.0',
    root,
    async build(folder: string): Promise<void> {
      builds += 1
      await writeFile(path.join(folder, 'file'), content)
    },
  }
  return { request, builds: () => builds }
}

/** Another process that begins to build the same entry, writes half of it and hangs. */
async function hangingBuilder(): Promise<{ readonly kill: () => Promise<void> }> {
  const script = `
    import { cached } from ${JSON.stringify(module)}
    import { writeFile } from 'node:fs/promises'
    setInterval(() => {}, 60_000)
    await cached({ name: 'thing', version: '1.0', root: ${JSON.stringify(root)}, async build(folder) {
      await writeFile(folder + '/file', 'half')
      console.log('building')
      await new Promise(() => {})
    } })`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(createInterface({ input: child.stdout }), 'line')
  return {
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

describe('a cache entry', () => {
  test('is built once, and found afterwards', async () => {
    const { request, builds } = counting()

    const first = await cached(request)
    const second = await cached(request)

    expect(second).toBe(first)
    expect(await findCached(request)).toBe(first)
    expect(builds()).toBe(1)
    expect(await readFile(path.join(first, 'file'), 'utf8')).toBe('whole')
  })

  test('is built once by many who ask at the same time', async () => {
    const { request, builds } = counting()

    const folders = await Promise.all(Array.from({ length: 8 }, async () => await cached(request)))

    expect(new Set(folders).size).toBe(1)
    expect(builds()).toBe(1)
  })

  test.each([
    ['was cut short', async (file: string) => await truncate(file, 2)],
    ['has other content of the same length', async (file: string) => await writeFile(file, 'WHOLE')],
    ['is gone', async (file: string) => await rm(file)],
    ['has lost its checksums', async (file: string) => await rm(path.join(path.dirname(file), 'SHA256SUMS.json'))],
    ['has half of its checksums', async (file: string) => await truncate(path.join(path.dirname(file), 'SHA256SUMS.json'), 9)],
  ])('whose file %s is built again, and that is said', async (_what, damage) => {
    const { request, builds } = counting()
    const said: string[] = []
    const folder = await cached(request)
    await damage(path.join(folder, 'file'))

    const missing = await findCached(request)
    const again = await cached({ ...request, onDamaged: (file) => said.push(file) })

    expect(missing).toBeUndefined()
    expect(again).toBe(folder)
    expect(builds()).toBe(2)
    expect(said).toHaveLength(1)
    expect(await readFile(path.join(folder, 'file'), 'utf8')).toBe('whole')
  })

  test('that only got another time of change is kept', async () => {
    const { request, builds } = counting()
    const folder = await cached(request)
    await utimes(path.join(folder, 'file'), 1, 1)

    await cached(request)

    expect(builds()).toBe(1)
  })

  test('whose build fails leaves nothing behind, and the next build succeeds', async () => {
    const { request } = counting()
    const failing = cached({ ...request, build: async () => await Promise.reject(new Error('no compiler')) })
    await expect(failing).rejects.toThrow('no compiler')

    expect(await readdir(path.join(root, 'thing'))).toStrictEqual([])
    await cached(request)
    expect(await readdir(path.join(root, 'thing'))).toStrictEqual(['1.0'])
  })
})

describe('a builder that is killed', () => {
  test('releases its turn, and what it wrote is never used', async () => {
    const builder = await hangingBuilder()
    const { request } = counting()
    const waiting = Promise.withResolvers<string>()
    const built = cached({ ...request, onWait: waiting.resolve })
    const holder = await waiting.promise
    expect(await findCached(request)).toBeUndefined()

    await builder.kill()
    const folder = await built

    expect(Number(holder)).toBeGreaterThan(0)
    expect(await readFile(path.join(folder, 'file'), 'utf8')).toBe('whole')
    expect(await readdir(path.join(root, 'thing'))).toStrictEqual(['1.0'])
  })

  test('can be given up waiting for', async () => {
    const builder = await hangingBuilder()
    const { request, builds } = counting()
    const stop = new AbortController()

    const built = cached({ ...request, signal: stop.signal, onWait: () => stop.abort(new Error('enough')) })

    await expect(built).rejects.toThrow('enough')
    expect(builds()).toBe(0)
    await builder.kill()
  })
})

describe('the folder of the cache', () => {
  test.each([
    [{ XDG_CACHE_HOME: '/somewhere' }, '/somewhere/notejam'],
    [{ XDG_CACHE_HOME: 'relative' }, /\/\.cache\/notejam$/],
    [{}, /\/\.cache\/notejam$/],
  ])('with %o', (env, expected) => {
    const found = cacheRoot(env)

    expect(found).toMatch(expected)
  })

  test.runIf(isRoot)('that cannot be written is one clear line (needs root)', async () => {
    const said = await buildOnMount('ro')

    expect(said).toMatch(/^CacheUnusable the cache folder \S+\/disk cannot be written \(E[A-Z]+\): set XDG_CACHE_HOME to one that can\n$/)
  })

  test.runIf(isRoot)('on a disk without space is one clear line (needs root)', async () => {
    const said = await buildOnMount('size=64k')

    expect(said).toBe(
      `CacheUnusable no space left on the disk of ${root}/disk: free some, or set XDG_CACHE_HOME to a folder on another disk\n`,
    )
  })
})

/** Builds a megabyte on a file system that was mounted with these options, where only the builder sees it; gives the error's text. */
async function buildOnMount(options: string): Promise<string> {
  const script = `import { cached } from ${JSON.stringify(module)}
    import { writeFile } from 'node:fs/promises'
    const build = async (folder) => await writeFile(folder + '/file', Buffer.alloc(1 << 20))
    try { await cached({ name: 'thing', version: '1', root: '${root}/disk', build }) }
    catch (error) { console.log(error.code + ' ' + error.message) }`
  const mountAndRun = `mkdir ${root}/disk && mount -t tmpfs -o ${options} tmpfs ${root}/disk && exec "$@"`
  return await runCommand('unshare', [
    '--mount',
    'sh',
    '-c',
    mountAndRun,
    'sh',
    process.execPath,
    '--input-type=module-typescript',
    '--eval',
    script,
  ])
}
