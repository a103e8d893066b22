import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { ensureBinaries } from '../cluster/binaries.ts'
import { cached } from '../cluster/cache.ts'
import { runCommand } from '../cluster/command.ts'
import { acquireDocker } from '../cluster/docker.ts'
import { ensureImage, type ImageName } from '../cluster/images.ts'
import { createProgress } from '../cluster/progress.ts'

const taken = ['pg_dump', 'pg_restore', 'psql', 'mariadb', 'mariadb-dump', 'zstd'] as const
/** Raised when what is taken out of the images changes. */
const layout = '2'

let brought: Promise<void> | undefined

/**
 * Puts what the app's image brings beside Node on this process's PATH: the database clients, `zstd` and `age`. Clients must be as new as the servers, so they
 * come out of the images of the test servers; where the servers are somebody's own (`NOTEJAM_TEST_POSTGRES`), so are the clients.
 */
export function useDataTools(): Promise<void> {
  brought ??= bring()
  return brought
}

async function bring(): Promise<void> {
  const progress = createProgress()
  const { age } = await ensureBinaries(['age'], { progress })
  const own = process.env['NOTEJAM_TEST_POSTGRES'] !== undefined
  const folders = [path.dirname(age), ...(own ? [] : [await clientFolder()])]
  process.env['PATH'] = [...folders, process.env['PATH']].join(path.delimiter)
}

async function clientFolder(): Promise<string> {
  const files = ['postgres', 'mariadb'].map((name) => new URL(`../cluster/images/${name}/Dockerfile`, import.meta.url))
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  const version = createHash('sha256')
    .update([layout, process.arch, ...texts].join('\0'))
    .digest('hex')
    .slice(0, 16)
  const folder = await cached({ name: 'database-clients', version, build: takeOut })
  return path.join(folder, 'bin')
}

/** The programs, the libraries that they load, and a script each that runs it with those. */
async function takeOut(folder: string): Promise<void> {
  const programs = path.join(folder, 'programs')
  const libraries = path.join(folder, 'libraries')
  await Promise.all([programs, libraries, path.join(folder, 'bin')].map((at) => mkdir(at, { recursive: true })))
  const wanted = [
    'usr/lib/*-linux-gnu/*.so*',
    'usr/lib/postgresql/*/bin/pg_*',
    'usr/lib/postgresql/*/bin/psql',
    'usr/bin/mariadb*',
    'usr/bin/zstd',
  ]
  for (const image of ['postgres', 'mariadb'] as const) {
    const root = path.join(folder, image)
    await unpack(image, root, wanted)
    const names = (await readdir(root, { recursive: true })).filter((name) => taken.some((program) => path.basename(name) === program))
    const found = (await readdir(root, { recursive: true })).find((name) => /\/ld-linux[^/]*\.so\.\d+$/.test(name))
    if (found === undefined) throw new Error(`the image ${image} has no loader`)
    const own = path.join(libraries, image)
    await mkdir(own)
    const loader = path.join(root, found)
    for (const name of names) {
      const program = path.join(root, name)
      const listed = await runCommand(loader, ['--library-path', path.dirname(loader), '--list', program])
      for (const [, library = ''] of listed.matchAll(/=> (\S+) \(/g)) {
        await runCommand('cp', ['-L', library, path.join(own, path.basename(library))])
      }
      await rename(program, path.join(programs, path.basename(name)))
      const script = `#!/bin/sh\nhere=$(dirname "$0")/..\nexec "$here/libraries/${image}/${path.basename(loader)}" --library-path "$here/libraries/${image}" "$here/programs/${path.basename(name)}" "$@"\n`
      await writeFile(path.join(folder, 'bin', path.basename(name)), script)
      await chmod(path.join(folder, 'bin', path.basename(name)), 0o755)
    }
    await runCommand('cp', ['-L', loader, path.join(own, path.basename(loader))])
    await rm(root, { recursive: true, force: true })
  }
}

async function unpack(image: ImageName, root: string, wanted: readonly string[]): Promise<void> {
  const progress = createProgress()
  await using docker = await acquireDocker({ progress })
  const tag = await ensureImage(image, { progress, docker })
  await mkdir(root)
  const { tar, remove } = await docker.engine.exportImage(tag)
  try {
    // Patterns that an image does not have make tar complain; what is missing is noticed by who looks for it.
    const child = spawn('tar', ['-x', '-C', root, '--wildcards', ...wanted], { stdio: ['pipe', 'ignore', 'ignore'] })
    const ended = once(child, 'close')
    await pipeline(tar, child.stdin)
    await ended
  } finally {
    await remove()
  }
}
