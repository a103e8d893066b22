import { statfs } from 'node:fs/promises'
import path from 'node:path'

import { runCommand } from './command.ts'
import { ClusterError } from './errors.ts'
import type { GoToolchain } from './go-toolchain.ts'

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

const environment = (): Record<string, string | undefined> => ({
  ...process.env,
  // What a person's own settings may hold (GOFLAGS=-mod=vendor, GOOS=…) must not change what is built here.
  GOFLAGS: '-mod=readonly -buildvcs=false -trimpath',
  GOWORK: 'off',
  GO111MODULE: 'on',
  GOROOT: undefined,
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
