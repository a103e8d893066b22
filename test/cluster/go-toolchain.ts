import path from 'node:path'

import { cached } from './cache.ts'
import { runCommand } from './command.ts'
import { ensureDebian } from './debian.ts'
import { ClusterError } from './errors.ts'
import type { Progress } from './progress.ts'

/** The Go command in use and its version, such as `1.26.8`. */
export interface GoToolchain {
  readonly command: string
  readonly version: string
}

// From 1.21 on the go command brings the toolchain that a go.mod asks for by itself, as a module (go.dev/doc/toolchain).
const oldestMinor = 21

/** The newest patch of the line that the committed go.mod files ask for. */
const toolchainVersion = '1.26.8'

const howToGet = 'put Go on PATH, or run this as root on Debian or Ubuntu, which installs it; CLUSTER=kind and CLUSTER=current need none'

/** Where a Go may be without being on PATH: the place of its own archive, and those of Debian's versioned packages. */
const usualPlaces = ['/usr/local/go/bin', '/usr/lib/go/bin', '/usr/lib/go-1.26/bin', '/usr/lib/go-1.25/bin', '/usr/lib/go-1.24/bin']

const isFit = ({ version }: GoToolchain): boolean => Number(version.split('.')[1]) >= oldestMinor

/** The first Go on PATH or in a usual place that can build what is needed here; if there is none, the first that cannot; else undefined. */
export async function findGo(env: Readonly<Record<string, string | undefined>> = process.env): Promise<GoToolchain | undefined> {
  const searched = [...(env['PATH'] ?? '').split(path.delimiter), ...usualPlaces]
  let old: GoToolchain | undefined
  for (const folder of new Set(searched)) {
    if (!path.isAbsolute(folder)) continue
    const command = path.join(folder, 'go')
    const said = await runCommand(command, ['version'], { env: { ...env, GOTOOLCHAIN: 'local' } }).catch(() => '')
    const version = /go(?<version>1\.\d+(?:\.\d+)?)/u.exec(said)?.groups?.['version']
    if (version === undefined) continue
    if (isFit({ command, version })) return { command, version }
    old ??= { command, version }
  }
  return old
}

/** What `go mod download -json` says about one module, as far as it is read here. */
interface DownloadedModule {
  readonly Dir: string
}

/**
 * An old Go brings a new one: the toolchain is a module like any other, checked against Go's checksum database. Files of modules are not
 * executable, so it is copied.
 */
async function bringToolchain(old: GoToolchain, options: EnsureGoOptions): Promise<GoToolchain> {
  const folder = await cached({
    name: 'go',
    version: toolchainVersion,
    signal: options.signal,
    ...(options.root === undefined ? {} : { root: options.root }),
    async build(partial) {
      await options.progress.step(`Go ${toolchainVersion}: fetch with Go ${old.version}`, async () => {
        const platform = `linux-${process.arch === 'x64' ? 'amd64' : process.arch}`
        const said = await runCommand(
          old.command,
          ['mod', 'download', '-json', `golang.org/toolchain@v0.0.1-go${toolchainVersion}.${platform}`],
          {
            cwd: partial,
            env: { ...process.env, GOFLAGS: '', GOROOT: undefined, GOWORK: 'off', GO111MODULE: 'on', GOTOOLCHAIN: undefined },
            signal: options.signal,
          },
        )
        // The documented answer of the go command.
        const { Dir } = JSON.parse(said) as DownloadedModule
        await runCommand('cp', ['-R', '--no-preserve=mode', `${Dir}/.`, partial], { signal: options.signal })
        await runCommand('chmod', ['-R', 'a+x', path.join(partial, 'bin'), path.join(partial, 'pkg/tool')])
      })
    },
  })
  return { command: path.join(folder, 'bin/go'), version: toolchainVersion }
}

/** How a Go is brought. */
export interface EnsureGoOptions {
  readonly progress: Progress
  readonly signal?: AbortSignal | undefined
  /** Root of the cache; default as in {@link cached}. */
  readonly root?: string
}

/**
 * A Go that can build what is needed here: one that is installed; Debian's, which is installed if there is none and this is root on Debian;
 * or a new one that an old Go brings (Debian 12 has 1.19).
 *
 * @throws {ClusterError} `MissingPrerequisite` when there is none and none can be brought.
 */
export async function ensureGo(options: EnsureGoOptions): Promise<GoToolchain> {
  let found = await findGo()
  if (found === undefined) {
    await ensureDebian(['go'], options).catch((error: unknown) => {
      if (!(error instanceof ClusterError) || error.code !== 'MissingPrerequisite') throw error
      throw new ClusterError('MissingPrerequisite', `Go was not found: ${howToGet}`, { cause: error })
    })
    found = await findGo()
  }
  if (found === undefined) throw new ClusterError('MissingPrerequisite', `Go was not found: ${howToGet}`)
  return isFit(found) ? found : await bringToolchain(found, options)
}
