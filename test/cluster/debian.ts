import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { withLock } from './cache-lock.ts'
import { runCommand } from './command.ts'
import { ClusterError } from './errors.ts'
import type { Progress } from './progress.ts'

/** One thing that must be on the machine: a command on PATH, or one of some absolute paths, and the Debian package that brings it. */
interface Requirement {
  readonly anyOf: readonly string[]
  readonly package: string
}

const requirements = {
  /** Nodes that run pods. */
  nodes: [
    { anyOf: ['containerd'], package: 'containerd' },
    { anyOf: ['ctr'], package: 'containerd' },
    { anyOf: ['runc'], package: 'runc' },
    { anyOf: ['/usr/lib/cni/bridge', '/opt/cni/bin/bridge'], package: 'containernetworking-plugins' },
    { anyOf: ['iptables'], package: 'iptables' },
    { anyOf: ['nft'], package: 'nftables' },
    { anyOf: ['conntrack'], package: 'conntrack' },
    { anyOf: ['ip'], package: 'iproute2' },
    { anyOf: ['mount'], package: 'mount' },
    { anyOf: ['nsenter'], package: 'util-linux' },
  ],
  /** An engine of our own, where none answers. */
  docker: [
    { anyOf: ['dockerd'], package: 'docker.io' },
    { anyOf: ['containerd'], package: 'containerd' },
    { anyOf: ['runc'], package: 'runc' },
    { anyOf: ['iptables'], package: 'iptables' },
    { anyOf: ['ip'], package: 'iproute2' },
  ],
  /** Base images. */
  images: [
    { anyOf: ['debootstrap'], package: 'debootstrap' },
    { anyOf: ['/usr/share/keyrings/debian-archive-keyring.gpg'], package: 'debian-archive-keyring' },
    { anyOf: ['tar'], package: 'tar' },
    { anyOf: ['xz'], package: 'xz-utils' },
  ],
  /** A browser for the tests of pages; the fonts make its pictures the same everywhere. */
  browser: [
    { anyOf: ['chromium', 'chromium-browser', 'google-chrome'], package: 'chromium' },
    { anyOf: ['/usr/share/fonts/truetype/dejavu'], package: 'fonts-dejavu-core' },
    { anyOf: ['/usr/share/fonts/truetype/liberation', '/usr/share/fonts/truetype/liberation2'], package: 'fonts-liberation' },
  ],
  /** The compiler of all binaries. */
  go: [{ anyOf: ['go', '/usr/local/go/bin/go'], package: 'golang-go' }],
} as const satisfies Readonly<Record<string, readonly Requirement[]>>

/** What the command at hand is about to do, which decides what must be installed. */
export type Purpose = keyof typeof requirements

/** How and where Debian packages are installed; the defaults are this process and its machine. */
export interface EnsureDebianOptions {
  readonly progress: Progress
  readonly signal?: AbortSignal | undefined
  readonly env?: Readonly<Record<string, string | undefined>>
}

const systemFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** The absolute path of a command, searched on PATH and in the folders that root has; undefined when there is none. */
export function findCommand(name: string, env: Readonly<Record<string, string | undefined>> = process.env): string | undefined {
  const onPath = (env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder))
  return [...onPath, ...systemFolders].map((folder) => path.join(folder, name)).find((file) => existsSync(file))
}

/** The packages that bring what is missing for some purposes, in a stable order; empty when all is there. */
export function missingPackages(
  purposes: readonly Purpose[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): readonly string[] {
  const missing = purposes
    .flatMap((purpose): readonly Requirement[] => requirements[purpose])
    .filter(({ anyOf }) => !anyOf.some((name) => (path.isAbsolute(name) ? existsSync(name) : findCommand(name, env) !== undefined)))
    .map((requirement) => requirement.package)
  return [...new Set(missing)].toSorted()
}

async function isDebian(): Promise<boolean> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return /^ID(?:_LIKE)?=.*\b(?:debian|ubuntu)\b/mu.test(release) && findCommand('apt-get') !== undefined
}

const policyFile = '/usr/sbin/policy-rc.d'
const policyMark = '# notejam: packages are being installed, and their services are not to start by themselves'

/** Debian asks this file before a package starts its service (Debian Policy 9.3.3.1; 101 forbids it). One that is there is left as it is. */
async function withoutServiceStarts(work: () => Promise<void>): Promise<void> {
  const present = await readFile(policyFile, 'utf8').catch(() => undefined)
  const ours = present === undefined || present.includes(policyMark)
  if (ours) await writeFile(policyFile, `#!/bin/sh\n${policyMark}\nexit 101\n`, { mode: 0o755 })
  try {
    await work()
  } finally {
    if (ours) await rm(policyFile, { force: true })
  }
}

/** Another apt may run, started by a timer or a person; ten minutes is what one unattended upgrade takes. */
const lockPatienceMilliseconds = 600_000

async function apt(args: readonly string[], signal: AbortSignal | undefined, note: (detail: string) => void): Promise<void> {
  const giveUp = performance.now() + lockPatienceMilliseconds
  for (;;) {
    try {
      await runCommand('apt-get', ['-q', '-y', '-o', `DPkg::Lock::Timeout=${lockPatienceMilliseconds / 1000}`, ...args], {
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l', LC_ALL: 'C' },
        signal,
      })
      return
    } catch (error) {
      // The lock of the package lists is the one that apt-get itself does not wait for.
      const locked = error instanceof ClusterError && /could not get lock|unable to lock directory/iu.test(error.details ?? '')
      if (!locked || performance.now() > giveUp) throw error
      note('another apt holds the lock')
      await delay(2000, undefined, { signal })
    }
  }
}

const hasCandidate = async (name: string): Promise<boolean> =>
  /^ {2}Candidate: (?!\(none\))/mu.test(await runCommand('apt-cache', ['policy', name], { env: { ...process.env, LC_ALL: 'C' } }))

async function install(packages: readonly string[], options: EnsureDebianOptions): Promise<void> {
  await options.progress.step(`Debian packages: ${packages.join(' ')}`, async (step) => {
    const note = (detail: string): void => step.note(detail)
    const update = async (): Promise<void> => {
      step.note('apt-get update')
      await apt(['update'], options.signal, note)
    }
    const known = await Promise.all(packages.map(hasCandidate))
    let fresh = false
    if (known.includes(false)) {
      await update()
      fresh = true
    }
    const command = ['install', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-confold', ...packages]
    step.note('apt-get install')
    await withoutServiceStarts(async () => {
      try {
        await apt(command, options.signal, note)
      } catch (error) {
        // Lists that are some weeks old name packages that the archive has dropped since.
        if (fresh || options.signal?.aborted === true) throw error
        await update()
        await apt(command, options.signal, note)
      }
    })
  })
}

/**
 * Sees to it that the machine has what some purposes need: installs Debian packages, saying which, where this is root on Debian or Ubuntu.
 * Does nothing, and says nothing, when all is there.
 *
 * @throws {ClusterError} `MissingPrerequisite` where packages are missing and cannot be installed here.
 */
export async function ensureDebian(purposes: readonly Purpose[], options: EnsureDebianOptions): Promise<void> {
  if (missingPackages(purposes, options.env).length === 0) return
  await withLock('debian-packages', { signal: options.signal }, async () => {
    const packages = missingPackages(purposes, options.env)
    if (packages.length === 0) return
    const debian = await isDebian()
    const root = process.getuid?.() === 0
    if (!debian || !root) {
      const how = debian ? `run this as root, or once: apt-get install ${packages.join(' ')}` : 'install them as this system does it'
      throw new ClusterError(
        'MissingPrerequisite',
        `missing here: what Debian's packages ${packages.join(', ')} bring: ${how}; CLUSTER=kind and CLUSTER=current need none of them`,
      )
    }
    await install(packages, options)
  })
}
