// `node test/lint/complete-lock.ts`: completes package-lock.json after an `npm install` against a registry that lacks the binaries of other
// platforms. npm leaves such optional packages out of the lock without a word, and `npm ci` then refuses that lock everywhere
// (https://github.com/npm/cli/issues/4828). What is added names version and platform, so that npm passes it over where it does not fit.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface LockEntry {
  readonly version?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** The part of a lock file that is read and written here. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockEntry>>
}

/** What a package of native code is for, by the end of its name, such as `binding-linux-arm64-musl`. */
export function platformOf(name: string): Pick<LockEntry, 'os' | 'cpu' | 'libc'> {
  const [os = '', cpu = '', abi = ''] = (name.split('/').at(-1) ?? '').replace(/^binding-/, '').split('-')
  if (os === 'wasm32') return { cpu: ['wasm32'] }
  const libc = os === 'linux' && abi !== '' ? { libc: [abi.startsWith('musl') ? 'musl' : 'glibc'] } : {}
  return { os: [os], cpu: [cpu], ...libc }
}

/** The entries that a lock file lacks: exact optional dependencies of its packages that no entry gives them. Pure. */
export function missingEntries({ packages }: LockFile): Readonly<Record<string, LockEntry>> {
  const missing: Record<string, LockEntry> = {}
  for (const [at, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const nested = `${at}/node_modules/${name}`
      const top = `node_modules/${name}`
      const found = packages[nested] ?? packages[top] ?? missing[top]
      if (!/^\d/.test(version) || found?.version === version) continue
      missing[found === undefined ? top : nested] = { version, ...platformOf(name), ...(dev === true ? { dev } : {}), optional: true }
    }
  }
  return missing
}

if (import.meta.main) {
  const file = fileURLToPath(new URL('../../package-lock.json', import.meta.url))
  // npm wrote it; only what is named above is looked at.
  const lock = JSON.parse(readFileSync(file, 'utf8')) as LockFile
  const missing = missingEntries(lock)
  const packages = Object.fromEntries(Object.entries({ ...lock.packages, ...missing }).toSorted(([a], [b]) => a.localeCompare(b, 'en')))
  if (Object.keys(missing).length > 0) writeFileSync(file, `${JSON.stringify({ ...lock, packages }, undefined, 2)}\n`)
  console.log(`package-lock.json: ${Object.keys(missing).length} optional packages of other platforms added`)
}
