import { statfs } from 'node:fs/promises'
import path from 'node:path'

import { runCommand } from './command.ts'
import { ClusterError } from './errors.ts'

/** The Go command in use and its version, such as `1.26.8`. */
export interface GoToolchain {
  readonly command: string
  readonly version: string
}

/** One binary to be built from a folder with a `go.mod` and a `go.sum`. */
export interface GoBuild {
  /** The folder of the module; nothing is written into it. */
  readonly module: string
  /** What to build: an import path that the module requires, or `.`. */
  readonly package: string
  readonly output: string
  /** Further linker flags, such as version stamps. */
  readonly ldflags?: readonly string[]
  readonly signal?: AbortSignal | undefined
  /** Says what the build is at. */
  readonly note?: (detail: string) => void
}

// From 1.21 on the go command brings the toolchain that a go.mod asks for by itself, as a module (go.dev/doc/toolchain).
const oldestMinor = 21

const howToGet =
  'install golang-go (Debian 13, Ubuntu 24.04 or newer) or put a Go of 1.21 or newer on PATH; CLUSTER=kind and CLUSTER=current need none'

/** Where a Go may be without being on PATH: the place of its own archive, and those of Debian's versioned packages. */
const usualPlaces = ['/usr/local/go/bin', '/usr/lib/go/bin', '/usr/lib/go-1.26/bin', '/usr/lib/go-1.25/bin', '/usr/lib/go-1.24/bin']

/**
 * Finds a Go that can build what is needed here.
 *
 * @throws {ClusterError} `MissingPrerequisite` when there is none, or only one older than 1.21.
 */
export async function findGo(env: Readonly<Record<string, string | undefined>> = process.env): Promise<GoToolchain> {
  const searched = [...(env['PATH'] ?? '').split(path.delimiter), ...usualPlaces]
  let tooOld: string | undefined
  for (const folder of new Set(searched)) {
    if (!path.isAbsolute(folder)) continue
    const command = path.join(folder, 'go')
    const said = await runCommand(command, ['version'], { env: { ...env, GOTOOLCHAIN: 'local' } }).catch(() => '')
    const version = /go(?<version>1\.\d+(?:\.\d+)?)/u.exec(said)?.groups?.['version']
    if (version === undefined) continue
    if (Number(version.split('.')[1]) >= oldestMinor) return { command, version }
    tooOld ??= `${command} is Go ${version}`
  }
  throw new ClusterError('MissingPrerequisite', `${tooOld === undefined ? 'Go was not found' : `${tooOld}, which is too old`}: ${howToGet}`)
}

const environment = (): Record<string, string | undefined> => ({
  ...process.env,
  // What a person's own settings may hold (GOFLAGS=-mod=vendor, GOOS=…) must not change what is built here.
  GOFLAGS: '-mod=readonly -buildvcs=false -trimpath',
  GOWORK: 'off',
  GO111MODULE: 'on',
  GOOS: undefined,
  GOARCH: undefined,
  GOTOOLCHAIN: 'auto',
  CGO_ENABLED: '0',
})

/** Kubernetes leaves about this much in Go's build and module caches; the linker needs some more. */
const neededBytes = 4 * 2 ** 30

/**
 * Builds one static binary, reproducibly: versions and checksums come from the committed go.mod and go.sum. A build that was interrupted
 * goes on where it was, because Go keeps every compiled package in its build cache.
 *
 * @throws {ClusterError} `MissingPrerequisite` without disk space, `CommandFailed` with the compiler's last lines.
 */
export async function goBuild(go: GoToolchain, build: GoBuild): Promise<void> {
  const disk = await statfs(path.dirname(build.output))
  if (disk.bavail * disk.bsize < neededBytes) {
    const free = ((disk.bavail * disk.bsize) / 2 ** 30).toFixed(1)
    throw new ClusterError(
      'MissingPrerequisite',
      `${free} GiB are free on the disk of ${path.dirname(build.output)}, and a build needs 4: free some, or set XDG_CACHE_HOME`,
    )
  }
  const ldflags = ['-s', '-w', ...(build.ldflags ?? [])].join(' ')
  let downloaded = 0
  let compiled = 0
  await runCommand(go.command, ['build', '-v', '-ldflags', ldflags, '-o', build.output, build.package], {
    cwd: build.module,
    env: environment(),
    signal: build.signal,
    // Go ends its compilers and removes its work folder on SIGINT only.
    killSignal: 'SIGINT',
    onLine(line) {
      if (line.startsWith('go: downloading')) downloaded += 1
      else compiled += 1
      build.note?.(compiled === 0 ? `${downloaded} modules downloaded` : `${compiled} packages compiled`)
    },
  })
}
