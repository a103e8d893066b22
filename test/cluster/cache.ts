import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'

import { withLock } from './cache-lock.ts'
import { ClusterError } from './errors.ts'

const checksumFile = 'SHA256SUMS.json'

interface Fingerprint {
  readonly size: number
  readonly modified: number
  readonly sha256: string
}

/** One thing that the cache may hold: `name` and `version` make its folder, `build` fills it. */
export interface CacheRequest {
  readonly name: string
  /** Everything that the content depends on; a change of it is another entry. */
  readonly version: string
  /** Fills an empty folder. It may be run again after a crash, and by two processes at once, each with a folder of its own. */
  readonly build: (folder: string) => Promise<void>
  readonly root?: string
  readonly signal?: AbortSignal | undefined
  /** Called when another process is building the same entry. */
  readonly onWait?: (holder: string) => void
  /** Called when an entry was there, but its content is not what was built. */
  readonly onDamaged?: (file: string) => void
}

/** The folder outside the tree that holds what is expensive to make: `$XDG_CACHE_HOME/notejam`, by default `~/.cache/notejam`. */
export function cacheRoot(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const base = env['XDG_CACHE_HOME']
  // The XDG specification says that a relative path is to be ignored.
  return path.join(base !== undefined && path.isAbsolute(base) ? base : path.join(homedir(), '.cache'), 'notejam')
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

async function fingerprints(folder: string): Promise<Record<string, Fingerprint>> {
  const found: Record<string, Fingerprint> = {}
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || entry.name === checksumFile) continue
    const file = path.join(entry.parentPath, entry.name)
    const { size, mtimeMs } = await stat(file)
    found[path.relative(folder, file)] = { size, modified: mtimeMs, sha256: await sha256(file) }
  }
  return found
}

/**
 * The first file of an entry that is not as it was built; undefined when all are. Content is hashed again only where size or time of change
 * differ from what was recorded, so that a check of gigabytes takes a millisecond.
 */
async function damagedFile(folder: string): Promise<string | undefined> {
  let recorded: Readonly<Record<string, Fingerprint>>
  try {
    recorded = JSON.parse(await readFile(path.join(folder, checksumFile), 'utf8')) as Record<string, Fingerprint>
  } catch {
    return checksumFile
  }
  for (const [name, expected] of Object.entries(recorded)) {
    const file = path.join(folder, name)
    const found = await stat(file).catch(() => undefined)
    if (found?.size !== expected.size) return name
    if (found.mtimeMs !== expected.modified && (await sha256(file)) !== expected.sha256) return name
  }
  return undefined
}

const exists = async (file: string): Promise<boolean> =>
  await stat(file).then(
    () => true,
    () => false,
  )

/** The entry's folder if it is there and whole; never builds. */
export async function findCached(request: Pick<CacheRequest, 'name' | 'version' | 'root'>): Promise<string | undefined> {
  const folder = path.join(request.root ?? cacheRoot(), request.name, request.version)
  return (await exists(folder)) && (await damagedFile(folder)) === undefined ? folder : undefined
}

function unusable(root: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new ClusterError(
      'CacheUnusable',
      `no space left on the disk of ${root}: free some, or set XDG_CACHE_HOME to a folder on another disk`,
      {
        cause: error,
      },
    )
  }
  // Node's recursive mkdir says ENOENT on a file system that is mounted read-only.
  const unmade = error.code === 'ENOENT' && 'syscall' in error && error.syscall === 'mkdir'
  if (unmade || ['EACCES', 'EROFS', 'EPERM', 'ENOTDIR'].includes(String(error.code))) {
    return new ClusterError(
      'CacheUnusable',
      `the cache folder ${root} cannot be written (${String(error.code)}): set XDG_CACHE_HOME to one that can`,
      {
        cause: error,
      },
    )
  }
  return error
}

/**
 * Returns the folder of an entry, building it first if it is not there or damaged.
 *
 * What makes a half-written file impossible to meet: the build fills a folder of its own; checksums are written after its last file; one
 * rename brings it to its name. A builder that is killed leaves a folder that nobody reads, and the next builder removes it.
 *
 * @throws {ClusterError} `CacheUnusable` when the disk is full or the cache cannot be written.
 */
export async function cached(request: CacheRequest): Promise<string> {
  const root = request.root ?? cacheRoot()
  const parent = path.join(root, request.name)
  const folder = path.join(parent, request.version)
  const present = await findCached(request)
  if (present !== undefined) return present

  try {
    await mkdir(parent, { recursive: true })
    return await withLock(folder, request, async () => {
      if (await exists(folder)) {
        const damaged = await damagedFile(folder)
        if (damaged === undefined) return folder
        request.onDamaged?.(path.join(folder, damaged))
        await rm(folder, { recursive: true, force: true })
      }
      const prefix = `.partial-${request.version}-`
      for (const left of await readdir(parent)) {
        if (left.startsWith(prefix)) await rm(path.join(parent, left), { recursive: true, force: true })
      }
      const partial = await mkdtemp(path.join(parent, prefix))
      try {
        await request.build(partial)
        await writeFile(path.join(partial, checksumFile), `${JSON.stringify(await fingerprints(partial), undefined, 1)}\n`)
        await rename(partial, folder)
      } catch (error) {
        await rm(partial, { recursive: true, force: true })
        throw error
      }
      return folder
    })
  } catch (error) {
    throw unusable(root, error)
  }
}
