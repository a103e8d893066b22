import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** What a cluster may leave on a machine, by kind: names, so that a difference says what it is. */
export interface HostTraces {
  readonly processes: readonly string[]
  readonly mounts: readonly string[]
  readonly networkNamespaces: readonly string[]
  readonly links: readonly string[]
  readonly routes: readonly string[]
  readonly firewallRules: readonly string[]
  readonly cgroups: readonly string[]
}

const lines = (command: string, ...args: readonly string[]): readonly string[] =>
  execFileSync(command, args, { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

function cgroupsBelow(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${entry.parentPath}/${entry.name}`)
  } catch {
    return []
  }
}

/**
 * Everything of this machine that belongs to the cluster of a name, found by looking at the machine and not at what the harness remembers.
 * Other people's clusters and containers may come and go meanwhile.
 */
export function hostTraces(name: string, slotNames: { readonly bridge: string; readonly addresses: string } | undefined): HostTraces {
  const marked = (list: readonly string[], mark = `/${name}`): readonly string[] => list.filter((line) => line.includes(mark)).toSorted()
  const ofSlot = (list: readonly string[], ...words: readonly (string | undefined)[]): readonly string[] =>
    list.filter((line) => words.some((word) => word !== undefined && line.includes(word))).toSorted()
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  return {
    processes: marked(pids.filter((pid) => pid !== String(process.pid)).map((pid) => commandLine(pid))),
    mounts: marked(readFileSync('/proc/mounts', 'utf8').split('\n')),
    // Of a node by its name in /run/netns, of a pod by the mount that keeps it.
    networkNamespaces: marked(lines('lsns', '--type', 'net', '--noheadings', '--raw', '--output', 'NS,NSFS'), name),
    links: ofSlot(lines('ip', '-oneline', 'link'), slotNames?.bridge),
    routes: ofSlot(lines('ip', 'route'), slotNames?.bridge, slotNames?.addresses),
    firewallRules: marked(
      lines('iptables-save').map((line) => line.replaceAll('"', '')),
      `notejam:${name} `,
    ),
    cgroups: marked(cgroupsBelow('/sys/fs/cgroup')),
  }
}
