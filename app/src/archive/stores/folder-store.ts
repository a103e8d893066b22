import { createHash, randomUUID } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { copyFile, constants, link, mkdir, open, readdir, rename, rmdir, stat, unlink, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { messageOf, ObjectExistsError, ObjectNotFoundError, StoreUnavailableError, type StoreFailure } from '../../errors.ts'
import { gather } from './gather.ts'
import { checkKey, checkPrefix } from './object-key.ts'
import { pulledStream } from './pulled-stream.ts'
import { collectText, type Store, type StoredObject, type TransferOptions, type WriteOptions, type WrittenObject } from './store.ts'

/** What a folder store is made of. */
export interface FolderStoreOptions {
  readonly name: string
  /** A folder that exists: a mounted volume. */
  readonly path: string
  /** A folder below it; empty is none. */
  readonly prefix?: string
  /** Gives a file a second name; for tests, as file systems without hard links answer. */
  readonly link?: typeof link
}

/** Files that are not whole yet; on the same file system, so that a rename brings them to their place. */
const partialFolder = '.notejam-partial'
const readBytes = 256 * 1024
const writeBytes = 256 * 1024
/** The disk is told to keep what was written each time it is so much more, so that little is left for the end, and little memory waits for the disk. */
const syncBytes = 64 * 1024 * 1024

/** Archives on a mounted volume. */
export class FolderStore implements Store {
  readonly name: string
  readonly place: string
  readonly #root: string
  readonly #base: string
  readonly #link: typeof link

  constructor({ name, path, prefix = '', link: giveName = link }: FolderStoreOptions) {
    this.#link = giveName
    this.name = name
    this.#root = path
    this.#base = join(path, checkPrefix(prefix))
    this.place = this.#base
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    try {
      await stat(this.#root)
    } catch (error) {
      throw this.#failed(error, `cannot list`)
    }
    const folder = prefix.includes('/') ? checkKey(prefix.slice(0, prefix.lastIndexOf('/'))) : ''
    yield* this.#walk(folder, prefix)
  }

  async *#walk(folder: string, prefix: string): AsyncIterable<StoredObject> {
    for (const entry of await this.#entries(folder)) {
      const key = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory() && key !== partialFolder && (key.startsWith(prefix) || prefix.startsWith(`${key}/`))) {
        yield* this.#walk(key, prefix)
      } else if (entry.isFile() && key.startsWith(prefix)) {
        const facts = await this.#unlessGone(stat(join(this.#base, key)), `cannot list ${key}`)
        if (facts !== undefined) {
          yield { key, size: facts.size, modified: facts.mtime }
        }
      }
    }
  }

  async #entries(folder: string): Promise<readonly Dirent[]> {
    const reading = readdir(join(this.#base, folder), { withFileTypes: true })
    return (await this.#unlessGone(reading, `cannot list ${folder === '' ? 'it' : folder}`)) ?? []
  }

  /** What was removed while the folder is listed is rightly not in the listing. */
  async #unlessGone<Value>(work: Promise<Value>, doing: string): Promise<Value | undefined> {
    try {
      return await work
    } catch (error) {
      if (codeOf(error) === 'ENOENT') {
        return undefined
      }
      throw this.#failed(error, doing)
    }
  }

  async read(key: string, { signal }: TransferOptions = {}): Promise<Readable> {
    const doing = `cannot read ${key}`
    const path = join(this.#base, checkKey(key))
    let file: FileHandle
    try {
      file = await open(path, 'r')
    } catch (error) {
      throw codeOf(error) === 'ENOENT' ? this.#notFound(key, error) : this.#failed(error, doing)
    }
    return pulledStream(
      {
        next: async () => {
          const { bytesRead, buffer } = await this.#guard(file.read(Buffer.allocUnsafe(readBytes)), doing)
          return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead)
        },
        close: () => file.close(),
      },
      signal,
    )
  }

  async readText(key: string, maxBytes: number): Promise<string> {
    return await collectText(await this.read(key), {
      maxBytes,
      tooLong: () => this.#unavailable(`${key} is longer than the ${maxBytes} bytes that it may have`, 'Failing'),
    })
  }

  async write(key: string, body: AsyncIterable<Uint8Array>, { signal }: WriteOptions = {}): Promise<WrittenObject> {
    const hash = createHash('sha256')
    let size = 0
    const measured = async function* (): AsyncGenerator<Uint8Array> {
      for await (const block of gather(body, writeBytes)) {
        signal?.throwIfAborted()
        hash.update(block)
        size += block.byteLength
        yield block
      }
      signal?.throwIfAborted()
    }
    await this.#place(key, { overwrite: true }, (file) => this.#fill(file, measured(), `cannot write ${key}`))
    return { size, sha256: hash.digest('hex') }
  }

  /** Writes one block while the next is made, and has the disk keep them beside that. */
  async #fill(file: FileHandle, blocks: AsyncIterable<Uint8Array>, doing: string): Promise<void> {
    let writing: Promise<void> = Promise.resolve()
    let syncing: Promise<void> = Promise.resolve()
    let unsynced = 0
    try {
      for await (const block of blocks) {
        await writing
        if (unsynced >= syncBytes) {
          unsynced = 0
          await syncing
          syncing = this.#guard(file.datasync(), doing)
          syncing.catch(() => undefined)
        }
        unsynced += block.byteLength
        writing = this.#guard(file.writeFile(block), doing)
        writing.catch(() => undefined)
      }
    } finally {
      // Whoever closes the file must not do it under a thread that still writes.
      await Promise.allSettled([writing, syncing])
    }
    await writing
    await syncing
  }

  async create(key: string, text: string): Promise<void> {
    await this.#place(key, { overwrite: false }, (file) => this.#guard(file.writeFile(text), `cannot write ${key}`))
  }

  async replace(key: string, text: string): Promise<void> {
    await this.#place(key, { overwrite: true }, (file) => this.#guard(file.writeFile(text), `cannot write ${key}`))
  }

  /** Fills a file out of sight, has the disk keep it, and only then gives it its name. */
  async #place(key: string, { overwrite }: { readonly overwrite: boolean }, fill: (file: FileHandle) => Promise<void>): Promise<void> {
    const target = join(this.#base, checkKey(key))
    const doing = `cannot write ${key}`
    const partial = join(this.#base, partialFolder, randomUUID())
    await this.#guard(stat(this.#root), doing)
    await this.#guard(mkdir(dirname(partial), { recursive: true }), doing)
    const file = await this.#guard(open(partial, 'wx', 0o640), doing)
    try {
      try {
        await fill(file)
        await this.#guard(file.sync(), doing)
      } finally {
        await file.close()
      }
      await this.#name(partial, target, { overwrite, key })
      await this.#guard(syncFolder(dirname(target)), doing)
    } finally {
      await unlink(partial).catch(() => undefined)
    }
  }

  async #name(partial: string, target: string, { overwrite, key }: { readonly overwrite: boolean; readonly key: string }): Promise<void> {
    // A prune beside us may take the empty folder away between the two calls.
    for (let attempt = 1; ; attempt += 1) {
      try {
        await mkdir(dirname(target), { recursive: true })
        await (overwrite ? rename(partial, target) : this.#nameOnce(partial, target))
        return
      } catch (error) {
        if (codeOf(error) === 'EEXIST' && !overwrite) {
          throw new ObjectExistsError(`store ${this.name}: ${key} is there already; it was left as it is`, error)
        }
        if (codeOf(error) !== 'ENOENT' || attempt === 5) {
          throw this.#failed(error, `cannot write ${key}`)
        }
      }
    }
  }

  /**
   * Gives a whole file its name, unless there is one of that name. Where the file system has no hard links (object stores that are mounted, some
   * network shares) it is copied: a run that is killed just then leaves a manifest that is cut short, which is named as broken and is no backup.
   */
  async #nameOnce(partial: string, target: string): Promise<void> {
    try {
      await this.#link(partial, target)
    } catch (error) {
      if (!withoutLinks.has(codeOf(error) ?? '')) {
        throw error
      }
      await copyFile(partial, target, constants.COPYFILE_EXCL)
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const path = join(this.#base, checkKey(key))
      await this.#unlessGone(unlink(path), `cannot remove ${key}`)
      await removeEmptyFolders(dirname(path), this.#base)
    }
  }

  async dropUnfinished(before: Date): Promise<number> {
    let dropped = 0
    for (const entry of await this.#entries(partialFolder)) {
      const path = join(this.#base, partialFolder, entry.name)
      const facts = await this.#unlessGone(stat(path), 'cannot look after half-written files')
      if (entry.isFile() && facts !== undefined && facts.mtime < before) {
        await this.#unlessGone(unlink(path), 'cannot remove a half-written file')
        dropped += 1
      }
    }
    return dropped
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #guard<Value>(work: Promise<Value>, doing: string): Promise<Value> {
    try {
      return await work
    } catch (error) {
      throw this.#failed(error, doing)
    }
  }

  #failed(error: unknown, doing: string): Error {
    if (error instanceof Error && error.name === 'AbortError') {
      return error
    }
    return this.#unavailable(`${doing}: ${messageOf(error)}`, failures[codeOf(error) ?? ''] ?? 'Failing', error)
  }

  #unavailable(what: string, failure: StoreFailure, cause?: unknown): StoreUnavailableError {
    return new StoreUnavailableError(`store ${this.name} (${this.place}): ${what}`, failure, cause)
  }

  #notFound(key: string, cause: unknown): ObjectNotFoundError {
    return new ObjectNotFoundError(`store ${this.name} (${this.place}): ${key} is not there`, cause)
  }
}

const withoutLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

const failures: Readonly<Record<string, StoreFailure>> = {
  ENOENT: 'Missing',
  ENOTDIR: 'Missing',
  EACCES: 'Denied',
  EPERM: 'Denied',
  EROFS: 'Denied',
  ENOSPC: 'Full',
  EDQUOT: 'Full',
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** A name is on disk only when its folder is. Not every file system lets a folder be synchronised; those that do not keep names by themselves. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } catch (error) {
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOTSUP') {
      throw error
    }
  } finally {
    await folder.close()
  }
}

async function removeEmptyFolders(from: string, base: string): Promise<void> {
  try {
    for (let folder = from; folder.startsWith(`${base}/`); folder = dirname(folder)) {
      await rmdir(folder)
    }
  } catch {
    // It holds something else, or someone else was quicker.
  }
}
