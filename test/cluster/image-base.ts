import { createReadStream } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'

import { cached } from './cache.ts'
import { runCommand } from './command.ts'
import { ensureDebian } from './debian.ts'
import { ClusterError } from './errors.ts'
import type { Progress } from './progress.ts'

/** What the base image is made of; a change of it is another image. */
export const baseRecipe = {
  suite: 'trixie',
  variant: 'minbase',
  include: ['ca-certificates'],
  /** Nobody reads them in a container, and they are half of the size. */
  remove: [
    'var/cache/apt',
    'var/lib/apt/lists',
    'var/log',
    'var/cache/debconf',
    'usr/share/doc',
    'usr/share/info',
    'usr/share/man',
    'usr/share/locale',
    'usr/share/lintian',
  ],
  keep: ['var/log', 'var/cache/apt/archives/partial', 'var/lib/apt/lists/partial', 'var/cache/debconf'],
  files: {
    'etc/apt/apt.conf.d/90container':
      'APT::Install-Recommends "false";\nAcquire::Languages "none";\nDir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n',
    'etc/dpkg/dpkg.cfg.d/90container':
      'force-unsafe-io\npath-exclude=/usr/share/doc/*\npath-exclude=/usr/share/info/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\n',
    'usr/sbin/policy-rc.d': '#!/bin/sh\n# No service is started by the installation of its package.\nexit 101\n',
    'etc/resolv.conf': '',
    'etc/hostname': 'container\n',
  },
} as const

/** The mirror that this machine installs from, when it is Debian; otherwise debootstrap's own choice is right. */
async function mirror(): Promise<string | undefined> {
  const sources = await readFile('/etc/apt/sources.list.d/debian.sources', 'utf8').catch(() => '')
  const uri = /^URIs:\s*(?<uri>https?:\/\/\S+\/debian\/?)\s*$/mu.exec(sources)?.groups?.['uri']
  return uri?.replace(/\/$/u, '')
}

async function build(folder: string, options: BaseImageOptions): Promise<void> {
  const rootfs = path.join(folder, 'rootfs')
  const { suite, variant, include, remove, keep, files } = baseRecipe
  const from = await mirror()
  const args = [`--variant=${variant}`, `--include=${include.join(',')}`, suite, rootfs, ...(from === undefined ? [] : [from])]
  // A mount namespace of its own takes what debootstrap mounts away with it, also when it is killed.
  await runCommand('unshare', ['--mount', '--propagation', 'private', '--', 'debootstrap', ...args], {
    env: { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    signal: options.signal,
  }).catch(async (error: unknown) => {
    const log = await readFile(path.join(rootfs, 'debootstrap/debootstrap.log'), 'utf8').catch(() => '')
    if (!(error instanceof ClusterError) || error.code !== 'CommandFailed') throw error
    throw new ClusterError('CommandFailed', `debootstrap could not make Debian ${suite}: ${error.message}`, {
      cause: error,
      details: log.slice(-4000),
    })
  })
  for (const name of remove) await rm(path.join(rootfs, name), { recursive: true, force: true })
  for (const name of keep) await mkdir(path.join(rootfs, name), { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    await rm(path.join(rootfs, name), { force: true })
    await writeFile(path.join(rootfs, name), content, { mode: name.startsWith('usr/sbin/') ? 0o755 : 0o644 })
  }
  const archive = path.join(folder, 'rootfs.tar')
  await runCommand('tar', ['-C', rootfs, '--one-file-system', '--numeric-owner', '--sort=name', '--mtime=@0', '-cf', archive, '.'], {
    signal: options.signal,
  })
  await rm(rootfs, { recursive: true })
}

/** How the base image's file system is made. */
export interface BaseImageOptions {
  readonly key: string
  readonly progress: Progress
  readonly signal?: AbortSignal | undefined
}

/**
 * The root file system of a small Debian, as a tar archive: what `debian:trixie-slim` is where public images can be reached.
 *
 * @throws {ClusterError} `MissingPrerequisite` where debootstrap is missing or this is not root.
 */
export async function baseRootfs(options: BaseImageOptions): Promise<Readable> {
  const folder = await cached({
    name: 'base-image',
    version: options.key,
    signal: options.signal,
    async build(partial) {
      if (process.getuid?.() !== 0) {
        throw new ClusterError(
          'MissingPrerequisite',
          'the base image is made by debootstrap, which needs root: run this as root, or use CLUSTER=kind or CLUSTER=current',
        )
      }
      await ensureDebian(['images'], options)
      await build(partial, options)
    },
  })
  return createReadStream(path.join(folder, 'rootfs.tar'), { highWaterMark: 1 << 20 })
}
