import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile, readdir, rmdir } from 'node:fs/promises'
import path from 'node:path'

import { withLock } from './cache-lock.ts'
import { cacheRoot } from './cache.ts'
import { runCommand } from './command.ts'
import { Component } from './component.ts'
import { ensureDebian, findCommand } from './debian.ts'
import { DockerEngine } from './docker-engine.ts'
import { ClusterError } from './errors.ts'
import { isRunning, recordOf } from './process-record.ts'
import type { ProcessRecord } from './process-record.ts'
import type { Progress } from './progress.ts'
import { stateFolder } from './state-folder.ts'

/** A Docker engine that is there until `release` was called, or this process ended. */
export interface DockerLease extends AsyncDisposable {
  readonly engine: DockerEngine
  /** Whether the engine is one of ours, which ends with its last user. */
  readonly own: boolean
  /** What testcontainers and the docker command need to find it. */
  readonly env: Readonly<Record<string, string>>
  release(): Promise<void>
}

/** How an engine is found or started. */
export interface AcquireDockerOptions {
  readonly progress: Progress
  readonly signal?: AbortSignal | undefined
}

const folder = (): string => path.join(stateFolder(), 'docker')

/** Names and addresses of one engine. */
export interface DockerIdentity {
  readonly bridge: string
  readonly bridgeAddress: string
  /** Range for the networks that its users make. */
  readonly pool: string
  readonly cgroup: string
}

/** Everything about an engine that others on the machine can see follows from its state folder, so that two engines never meet. */
export function dockerIdentity(at: string): DockerIdentity {
  const hash = createHash('sha256').update(at).digest()
  const id = hash.toString('hex').slice(0, 8)
  const octet = hash.readUInt8(8)
  return { bridge: `njd-${id}`, bridgeAddress: `10.86.${octet}.1/24`, pool: `10.87.${octet}.0/24`, cgroup: `notejam-docker-${id}` }
}

const socketPath = (): string => path.join(folder(), 'docker.sock')
const dataRoot = (): string => path.join(cacheRoot(), 'docker')
const leaseFolder = (): string => path.join(folder(), 'leases')

/** The addresses at which someone's own engine may answer, best first. */
const foreignAddresses = (): readonly string[] => {
  const named = process.env['DOCKER_HOST']
  return named === undefined || named === '' ? ['unix:///var/run/docker.sock'] : [named]
}

async function findForeign(): Promise<DockerEngine | undefined> {
  for (const address of foreignAddresses()) {
    if (!/^(?:unix|tcp):\/\//u.test(address) || address === `unix://${socketPath()}`) continue
    const engine = new DockerEngine(address)
    if (await engine.ping()) return engine
    await engine[Symbol.asyncDispose]()
  }
  return undefined
}

function dockerd(): Component {
  const at = folder()
  const { bridge, pool, cgroup } = dockerIdentity(folder())
  mkdirSync(at, { recursive: true })
  // What a person's own engine is told in /etc/docker is not for this one.
  writeFileSync(path.join(at, 'daemon.json'), '{}\n')
  return new Component(
    at,
    {
      name: 'dockerd',
      command: [
        findCommand('dockerd') ?? 'dockerd',
        `--host=unix://${socketPath()}`,
        `--data-root=${dataRoot()}`,
        `--exec-root=${path.join(at, 'exec')}`,
        `--pidfile=${path.join(at, 'dockerd.pid')}`,
        `--config-file=${path.join(at, 'daemon.json')}`,
        '--storage-driver=overlay2',
        // A bridge of our own and no firewall rule at all: published ports go through the engine's user-land proxy, builds use the host's network.
        `--bridge=${bridge}`,
        `--default-address-pool=base=${pool},size=27`,
        '--iptables=false',
        '--ip6tables=false',
        '--ip-forward=false',
        '--ip-masq=false',
        '--exec-opt=native.cgroupdriver=cgroupfs',
        `--cgroup-parent=/${cgroup}`,
        '--containerd-namespace=notejam',
        '--containerd-plugins-namespace=notejam-plugins',
        '--log-level=warn',
      ],
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin` },
    },
    'detached',
  )
}

function liveLeases(): readonly string[] {
  let files: readonly string[]
  try {
    files = readdirSync(leaseFolder())
  } catch {
    return []
  }
  return files.filter((file) => {
    const at = path.join(leaseFolder(), file)
    try {
      if (isRunning(JSON.parse(readFileSync(at, 'utf8')) as ProcessRecord)) return true
    } catch {
      // A lease that was not written to its end belongs to a process that did not live to use it.
    }
    rmSync(at, { force: true })
    return false
  })
}

async function startOwn(options: AcquireDockerOptions): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new ClusterError(
      'MissingPrerequisite',
      'no Docker engine answers, and one can be started by root only: start Docker, set DOCKER_HOST, or run this as root',
    )
  }
  await ensureDebian(['docker'], options)
  const daemon = dockerd()
  if (daemon.running) return
  await cleanUp()
  const { bridge, bridgeAddress } = dockerIdentity(folder())
  await options.progress
    .step('Docker engine: start', async () => {
      await runCommand('ip', ['link', 'add', bridge, 'type', 'bridge'])
      await runCommand('ip', ['address', 'add', bridgeAddress, 'dev', bridge])
      await runCommand('ip', ['link', 'set', bridge, 'up'])
      daemon.start()
      await using engine = new DockerEngine(`unix://${socketPath()}`)
      await daemon.ready(async () => await engine.ping())
    })
    .catch(async (error: unknown) => {
      await daemon.kill()
      await cleanUp()
      throw error
    })
}

async function mountsBelow(at: string): Promise<readonly string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '')
  // The engine mounts its data folder onto itself.
  return mounts.filter((mount) => mount === at || mount.startsWith(`${at}/`)).toReversed()
}

async function removeCgroups(cgroup: string): Promise<void> {
  const top = '/sys/fs/cgroup'
  const hierarchies = [
    top,
    ...(await readdir(top, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map((entry) => path.join(top, entry.name)),
  ]
  const removeTree = async (at: string): Promise<void> => {
    const entries = await readdir(at, { withFileTypes: true }).catch(() => [])
    for (const entry of entries) if (entry.isDirectory()) await removeTree(path.join(at, entry.name))
    await rmdir(at).catch(() => {})
  }
  for (const hierarchy of hierarchies) await removeTree(path.join(hierarchy, cgroup))
}

/** Removes what an engine of ours that has ended may have left: mounts, bridges, cgroups, sockets. */
async function cleanUp(): Promise<void> {
  for (const mount of [...(await mountsBelow(folder())), ...(await mountsBelow(dataRoot()))]) {
    await runCommand('umount', ['--lazy', mount]).catch(() => '')
  }
  const { bridge, cgroup } = dockerIdentity(folder())
  await runCommand('ip', ['link', 'delete', bridge]).catch(() => '')
  await removeCgroups(cgroup)
  for (const left of ['exec', 'docker.sock', 'dockerd.pid']) rmSync(path.join(folder(), left), { recursive: true, force: true })
}

async function stopOwn(): Promise<void> {
  const daemon = dockerd()
  if (daemon.running) {
    await using engine = new DockerEngine(`unix://${socketPath()}`)
    // A daemon that no longer answers is stopped all the same.
    await engine.removeAll().catch(() => {})
    await daemon.stop(30_000)
  }
  await cleanUp()
}

/**
 * Gives a Docker engine: the one that answers already (`DOCKER_HOST`, `/var/run/docker.sock`), else one of our own, which is started for its
 * first user and ends with its last one, leaving no process, mount, bridge, firewall rule or cgroup. Its images stay in the cache.
 *
 * @throws {ClusterError} `MissingPrerequisite` when there is none and none can be started here.
 */
export async function acquireDocker(options: AcquireDockerOptions): Promise<DockerLease> {
  const foreign = await findForeign()
  if (foreign !== undefined) {
    const release = async (): Promise<void> => await foreign[Symbol.asyncDispose]()
    return { engine: foreign, own: false, env: { DOCKER_HOST: foreign.address }, release, [Symbol.asyncDispose]: release }
  }
  const lease = path.join(leaseFolder(), `${process.pid}-${crypto.randomUUID()}.json`)
  await withLock(folder(), { signal: options.signal }, async () => {
    await startOwn(options)
    mkdirSync(leaseFolder(), { recursive: true })
    writeFileSync(lease, JSON.stringify(recordOf(process.pid)))
  })
  const engine = new DockerEngine(`unix://${socketPath()}`)
  let released: Promise<void> | undefined
  const release = async (): Promise<void> =>
    await (released ??= (async () => {
      await engine[Symbol.asyncDispose]()
      rmSync(lease, { force: true })
      await stopUnusedDocker()
    })())
  return {
    engine,
    own: true,
    // Testcontainers' reaper is an image from a public registry; the engine removes all its containers when it ends.
    env: { DOCKER_HOST: engine.address, TESTCONTAINERS_RYUK_DISABLED: 'true', TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1' },
    release,
    [Symbol.asyncDispose]: release,
  }
}

/** Stops an engine of ours that nobody uses any more, such as one whose users were killed; true if none of ours runs afterwards. */
export async function stopUnusedDocker(): Promise<boolean> {
  if (process.getuid?.() !== 0) return true
  return await withLock(folder(), {}, async () => {
    if (liveLeases().length > 0) return false
    await stopOwn()
    return true
  })
}
