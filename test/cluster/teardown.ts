import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { processesIn, removeCgroup, removeUnusedParent } from './cgroups.ts'
import { clusterFolder, clusterLayout, clusterRunFolder, MAX_NODES } from './cluster-layout.ts'
import { readRecord } from './cluster-record.ts'
import { removePods } from './cri.ts'
import { ClusterError } from './errors.ts'
import { removeNetwork } from './network.ts'
import { containerdSocket } from './node-config.ts'
import { type ProcessRecord, signalProcess } from './process-record.ts'

/** Time for processes to vanish after SIGKILL, and for the kernel to let go of what they held. */
const PATIENCE_MS = 15_000

/** Mount points at or below one of the folders, deepest first, from the text of `/proc/mounts`. Pure. */
export function mountsBelow(mounts: string, folders: readonly string[]): readonly string[] {
  const points = mounts.split('\n').flatMap((line) => {
    // Blanks, tabs, newlines and backslashes are written in octal (fstab(5)).
    const point = line.split(' ')[1]?.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)))
    return point !== undefined && folders.some((folder) => point === folder || point.startsWith(`${folder}/`)) ? [point] : []
  })
  return points.toReversed()
}

function records(folder: string): readonly ProcessRecord[] {
  const processes = join(folder, 'processes')
  if (!existsSync(processes)) return []
  return readdirSync(processes).flatMap((file) => {
    try {
      return [JSON.parse(readFileSync(join(processes, file), 'utf8')) as ProcessRecord]
    } catch {
      return []
    }
  })
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

function repeat(what: string, done: () => boolean): void {
  const deadline = Date.now() + PATIENCE_MS
  while (!done()) {
    if (Date.now() > deadline) throw new ClusterError('Timeout', `${what} did not happen within ${PATIENCE_MS / 1000} s`)
    pause(20)
  }
}

function killAll(name: string): void {
  const cgroup = `notejam/${name}`
  repeat(`the end of all processes of cluster ${name}`, () => {
    const known = records(clusterFolder(name)).filter((record) => signalProcess(record, 'SIGKILL'))
    const found = processesIn(cgroup)
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended between looking and killing.
      }
    }
    return known.length + found.length === 0
  })
}

function unmountAll(name: string): void {
  const folders = [clusterFolder(name), clusterRunFolder(name)]
  const mounted = (): readonly string[] => mountsBelow(readFileSync('/proc/mounts', 'utf8'), folders)
  let rounds = 0
  repeat(`unmounting of what cluster ${name} mounted`, () => {
    const points = mounted()
    if (points.length === 0) return true
    // What stays busy, as someone looks into it, is detached: it goes when he leaves.
    const lazy = rounds++ > 2 ? ['--lazy'] : []
    try {
      execFileSync('umount', [...lazy, ...points], { stdio: 'ignore' })
    } catch {
      return mounted().length === 0
    }
    return mounted().length === 0
  })
}

/**
 * Removes every trace of a cluster: processes, mounts, namespaces, bridge, rules, cgroups, files. Needs nothing but its state folder, and
 * may be repeated. Synchronous, so that it can be the last thing that a process does.
 * @throws ClusterError `Timeout` if something will not go
 */
export function destroyClusterSync(name: string): void {
  killAll(name)
  unmountAll(name)
  const slot = readRecord(name)?.slot
  if (slot !== undefined) removeNetwork(clusterLayout(name, slot, MAX_NODES))
  repeat(`removal of the cgroups of cluster ${name}`, () => removeCgroup(`notejam/${name}`).length === 0)
  removeUnusedParent()
  rmSync(clusterRunFolder(name), { recursive: true, force: true, maxRetries: 3 })
  rmSync(clusterFolder(name), { recursive: true, force: true, maxRetries: 3 })
}

/** As `destroyClusterSync`, after pods were removed through the CRI where a runtime still answers. */
export async function destroyCluster(name: string): Promise<void> {
  const record = readRecord(name)
  if (record !== undefined) {
    const { nodes } = clusterLayout(name, record.slot, record.nodes)
    const known = clusterFolder(name)
    for (const { name: node } of nodes) killRecord(join(known, 'processes', `kubelet-${node}.json`))
    await Promise.allSettled(
      nodes
        .map(containerdSocket)
        .filter((socket) => existsSync(socket))
        .map(async (socket) => await removePods(socket)),
    )
  }
  destroyClusterSync(name)
}

function killRecord(path: string): void {
  if (existsSync(path)) signalProcess(JSON.parse(readFileSync(path, 'utf8')) as ProcessRecord, 'SIGKILL')
}
