import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = '/sys/fs/cgroup'

/** Hierarchies of this machine: one per controller with version 1, a single one with version 2 (cgroups(7)). */
export interface Hierarchies {
  readonly version: 1 | 2
  /** Those with controllers, in which groups are made. */
  readonly mountPoints: readonly string[]
  /** All of them. Beside version 1 there may be a version 2 without controllers, where runc makes groups too. */
  readonly all: readonly string[]
}

/** Reads the mount table. Pure, so that both versions can be tested on any machine. */
export function parseHierarchies(mounts: string): Hierarchies {
  const lines = mounts.split('\n').map((line) => line.split(' '))
  const of = (type: string): readonly string[] =>
    lines.flatMap((fields) => (fields[2] === type && fields[1]?.startsWith(ROOT) ? [fields[1]] : []))
  const first = [...new Set(of('cgroup'))]
  const second = [...new Set(of('cgroup2'))].slice(0, 1)
  return first.length > 0
    ? { version: 1, mountPoints: first, all: [...first, ...second] }
    : { version: 2, mountPoints: second, all: second }
}

/** Hierarchies of the machine at hand. */
export const hierarchies = (): Hierarchies => parseHierarchies(readFileSync('/proc/mounts', 'utf8'))

/** The hierarchy in which programs are found again: processes of a container and of its parent are in it with version 1 and 2. */
export function trackingFolder(cgroup: string, found = hierarchies()): string {
  const mountPoint = found.mountPoints.find((path) => path.endsWith('/pids')) ?? found.mountPoints[0] ?? ROOT
  return join(mountPoint, cgroup)
}

function prepareCpuset(folder: string): void {
  // With version 1 a new group has no processor and no memory node, and takes no process until it has.
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readFileSync(join(folder, file), 'utf8').trim() === '') writeFileSync(join(folder, file), readFileSync(join(folder, '..', file)))
  }
}

function delegate(folder: string): void {
  // With version 2 a group's children have only the controllers that the group hands down.
  const controllers = readFileSync(join(folder, 'cgroup.controllers'), 'utf8').trim().split(' ')
  const wanted = controllers.filter((name) => ['cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb'].includes(name))
  writeFileSync(join(folder, 'cgroup.subtree_control'), wanted.map((name) => `+${name}`).join(' '))
}

/** Makes a cgroup, with all its parents, in every hierarchy; one that is there stays. */
export function createCgroup(cgroup: string, found = hierarchies()): void {
  for (const mountPoint of found.mountPoints) {
    let folder = mountPoint
    for (const part of cgroup.split('/')) {
      if (found.version === 2) delegate(folder)
      folder = join(folder, part)
      mkdirSync(folder, { recursive: true })
      if (existsSync(join(folder, 'cpuset.cpus')) && found.version === 1) prepareCpuset(folder)
    }
  }
}

/** Prepares a cgroup whose children are made by the kubelet: they need its controllers. */
export function createPodCgroup(cgroup: string, found = hierarchies()): void {
  createCgroup(cgroup, found)
  if (found.version === 2) for (const mountPoint of found.mountPoints) delegate(join(mountPoint, cgroup))
}

function descend(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  const children = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [...children.flatMap((child) => descend(join(folder, child.name))), folder]
}

/** Ids of all processes in a cgroup and below. */
export function processesIn(cgroup: string): readonly number[] {
  return descend(trackingFolder(cgroup)).flatMap((folder) => {
    try {
      return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
    } catch {
      return []
    }
  })
}

/** Removes a cgroup with everything below from every hierarchy; gives the folders that would not go, as a process is still in them. */
export function removeCgroup(cgroup: string): readonly string[] {
  return hierarchies().all.flatMap((mountPoint) =>
    descend(join(mountPoint, cgroup)).filter((folder) => {
      try {
        rmdirSync(folder)
        return false
      } catch {
        return existsSync(folder)
      }
    }),
  )
}

/** Removes the group that all clusters share, unless one of them still has a group in it: the kernel refuses that. */
export function removeUnusedParent(): void {
  for (const mountPoint of hierarchies().all) {
    try {
      rmdirSync(join(mountPoint, 'notejam'))
    } catch {
      // In use, or not there.
    }
  }
}
