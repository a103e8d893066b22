import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'

import { ClusterError } from './errors.ts'

/** What a build gets to see: paths inside the context, each with the file or folder on disk, or the text, that stands there. */
export type ContextEntries = Readonly<Record<string, { readonly path: string } | { readonly text: string }>>

/** Neither is part of what is built: one is huge, one is this repository's own output, the tests say nothing about the product. */
const ignored = (name: string): boolean => name === 'node_modules' || name.endsWith('.test.ts')

async function hashPath(hash: Hash, at: string, name: string, skip: (name: string) => boolean): Promise<void> {
  const found = await stat(at)
  if (!found.isDirectory()) {
    hash.update(`${name}\0${found.mode & 0o111}\0`).update(await readFile(at))
    return
  }
  for (const entry of (await readdir(at, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (skip(entry.name)) continue
    const file = path.join(at, entry.name)
    if (entry.isSymbolicLink()) hash.update(`${name}/${entry.name}\0${await readlink(file)}`)
    else await hashPath(hash, file, `${name}/${entry.name}`, skip)
  }
}

/**
 * A short hash of some texts and of the content of some files and folders, which names what is built from them. Times do not count, tests
 * and `node_modules` neither.
 */
export async function contentKey(inputs: {
  readonly texts?: readonly string[]
  readonly paths?: readonly string[]
  readonly skip?: readonly string[]
}): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(inputs.texts ?? []))
  const skip = (name: string): boolean => ignored(name) || inputs.skip?.includes(name) === true
  for (const at of inputs.paths ?? []) await hashPath(hash, at, path.basename(at), skip)
  return hash.digest('hex').slice(0, 16)
}

/** A build context as a tar archive; `done` tells how the archiver ended, and must be awaited after the stream was read. */
export interface ContextArchive {
  readonly stream: Readable
  readonly done: Promise<void>
}

/** Packs a build context, but for names that match a pattern of `exclude`. The files are read through links, so that nothing is copied. */
export async function packContext(entries: ContextEntries, exclude: readonly string[] = []): Promise<ContextArchive> {
  const stage = await mkdtemp(path.join(tmpdir(), 'notejam-context-'))
  for (const [name, entry] of Object.entries(entries)) {
    const at = path.join(stage, name)
    await mkdir(path.dirname(at), { recursive: true })
    if ('text' in entry) await writeFile(at, entry.text)
    else await symlink(entry.path, at)
  }
  const options = [
    '--dereference',
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    ...exclude.map((pattern) => `--exclude=${pattern}`),
  ]
  const child = spawn('tar', ['-C', stage, ...options, '-cf', '-', '.'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const done = (async (): Promise<void> => {
    try {
      if ((await ended) !== 0) throw new ClusterError('CommandFailed', `tar could not pack ${stage}: see above`)
    } finally {
      await rm(stage, { recursive: true, force: true })
    }
  })()
  // Looked at later; until then a failure must not count as one that nobody handles.
  done.catch(() => {})
  return { stream: child.stdout, done }
}
