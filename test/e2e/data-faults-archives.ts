import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, open, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { mkdir, rm, stat } from 'node:fs/promises'
import { type Manifest, parseManifest } from '../../app/src/archive/manifest.ts'

/** An archive of which there is a manifest, which makes it one. */
interface Listed {
  /** Its folder, below that of the store. */
  readonly folder: string
  readonly manifest: Manifest | undefined
  readonly problem: string | undefined
}

/**
 * Looks at all archives of a store that is a folder of this machine, past whatever serves it: whether each that has a manifest is whole, and whether those
 * that were seen before are as they were, byte for byte.
 */
export class ArchiveWatch {
  readonly #root: string
  /** SHA-256 of each file of each archive that was whole when it was seen first. */
  readonly #seen = new Map<string, string>()

  constructor(root: string) {
    this.#root = root
  }

  /** Archives that were found whole so far. */
  get good(): number {
    return new Set([...this.#seen.keys()].map((path) => dirname(path))).size
  }

  /** What is wrong now; nothing while every archive in the catalogue is whole, and every one of before is as it was. */
  async shortcomings(): Promise<readonly string[]> {
    const found: string[] = []
    for (const [path, sha256] of this.#seen) {
      const now = await this.#hash(path)
      if (now !== sha256) found.push(`${path} was ${sha256.slice(0, 12)} and is ${now === undefined ? 'gone' : now.slice(0, 12)}`)
    }
    for (const archive of await this.#listed()) {
      const short = await this.#missing(archive)
      if (short.length > 0) found.push(...short.map((what) => `${archive.folder} is listed, and ${what}`))
      else await this.#remember(archive)
    }
    return found
  }

  /** Archives in the catalogue that bear the UID of a NotejamBackup, or of a Job. */
  async countOf(uid: string): Promise<number> {
    return (await this.#listed()).filter(({ manifest }) => manifest?.uid === uid).length
  }

  /** Plants what must never be there, sees whether {@link shortcomings} says so, and takes it away again; what it said. */
  async plant(what: 'half' | 'overwritten'): Promise<readonly string[]> {
    const [archive] = await this.#listed()
    const [object] = archive?.manifest?.objects ?? []
    if (archive === undefined || object === undefined) throw new Error('there is no archive yet')
    if (what === 'overwritten') return await this.#overwrite(join(archive.folder, object.name))
    const half = join(this.#root, `${archive.folder}-half`)
    await mkdir(half)
    try {
      for (const name of await readdir(join(this.#root, archive.folder)))
        await copyFile(join(this.#root, archive.folder, name), join(half, name))
      await truncate(join(half, object.name), Math.floor(object.sizeBytes / 2))
      return await this.shortcomings()
    } finally {
      await rm(half, { recursive: true })
    }
  }

  async #overwrite(path: string): Promise<readonly string[]> {
    const whole = await readFile(join(this.#root, path))
    try {
      await using file = await open(join(this.#root, path), 'r+')
      await file.write(Buffer.from([(whole[100] ?? 0) ^ 1]), 0, 1, 100)
      return await this.shortcomings()
    } finally {
      await writeFile(join(this.#root, path), whole)
    }
  }

  async #listed(): Promise<readonly Listed[]> {
    const files = await readdir(this.#root, { recursive: true, withFileTypes: true })
    // What a store keeps of uploads that are not complete begins with a dot.
    const manifests = files
      .filter((file) => file.isFile() && file.name === 'manifest.json')
      .map((file) => relative(this.#root, file.parentPath))
      .filter((folder) => !folder.startsWith('.'))
    return await Promise.all(
      manifests.map(async (folder) => {
        const { manifest, problem } = parseManifest(await readFile(join(this.#root, folder, 'manifest.json'), 'utf8'))
        return { folder, manifest, problem }
      }),
    )
  }

  async #missing({ folder, manifest, problem }: Listed): Promise<readonly string[]> {
    if (manifest === undefined) return [`its manifest cannot be read: ${problem}`]
    const each = manifest.objects.map(async ({ name, sizeBytes, sha256 }) => {
      const path = join(folder, name)
      const size = (await stat(join(this.#root, path)).catch(() => undefined))?.size
      if (size !== sizeBytes) return [`${name} has ${size ?? 'no'} bytes, not ${sizeBytes}`]
      return (await this.#hash(path)) === sha256 ? [] : [`${name} is not what was written`]
    })
    return (await Promise.all(each)).flat()
  }

  async #remember({ folder, manifest }: Listed): Promise<void> {
    for (const name of ['manifest.json', ...(manifest?.objects ?? []).map((object) => object.name)]) {
      const path = join(folder, name)
      const sha256 = await this.#hash(path)
      if (sha256 !== undefined && !this.#seen.has(path)) this.#seen.set(path, sha256)
    }
  }

  async #hash(path: string): Promise<string | undefined> {
    const hash = createHash('sha256')
    try {
      for await (const chunk of createReadStream(join(this.#root, path))) hash.update(chunk as Buffer)
    } catch {
      return undefined
    }
    return hash.digest('hex')
  }
}
