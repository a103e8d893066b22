import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { ClusterLayout, NodeLayout } from './cluster-layout.ts'
import { ClusterError } from './errors.ts'

function run(...command: readonly [string, ...string[]]): string {
  const [file, ...args] = command
  try {
    return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
    throw new ClusterError('CommandFailed', `${command.join(' ')}: ${stderr === '' ? String(error) : stderr}`, { cause: error })
  }
}

/** Runs a command for its effect; that it fails, because what it should remove is not there, is fine. */
function attempt(...command: readonly [string, ...string[]]): boolean {
  try {
    run(...command)
    return true
  } catch {
    return false
  }
}

const linkExists = (name: string): boolean => existsSync(`/sys/class/net/${name}`)

interface Rule {
  readonly table: 'filter' | 'nat'
  readonly chain: string
  readonly match: readonly string[]
}

/** Mark by which rules of a cluster are found again. */
const comment = (layout: ClusterLayout): string => `notejam:${layout.name}`

/**
 * Docker, and many a firewall, drops what is forwarded and not its own, and where bridged frames pass iptables that hits the nodes' own
 * traffic too. Only what leaves for elsewhere is masqueraded: between pods, nodes and the host addresses stay as they are.
 */
function rules(layout: ClusterLayout): readonly Rule[] {
  const elsewhere = ['!', '-o', layout.bridge, '-j', 'MASQUERADE']
  return [
    { table: 'filter', chain: 'FORWARD', match: ['-i', layout.bridge, '-j', 'ACCEPT'] },
    { table: 'filter', chain: 'FORWARD', match: ['-o', layout.bridge, '-j', 'ACCEPT'] },
    { table: 'filter', chain: 'INPUT', match: ['-i', layout.bridge, '-j', 'ACCEPT'] },
    { table: 'nat', chain: 'POSTROUTING', match: ['-s', layout.nodesCidr, ...elsewhere] },
    { table: 'nat', chain: 'POSTROUTING', match: ['-s', layout.podsCidr, ...elsewhere] },
  ]
}

function ensureRules(layout: ClusterLayout): void {
  for (const { table, chain, match } of rules(layout)) {
    const rule = ['-m', 'comment', '--comment', comment(layout), ...match]
    if (!attempt('iptables', '-w', '10', '-t', table, '-C', chain, ...rule))
      run('iptables', '-w', '10', '-t', table, '-I', chain, '1', ...rule)
  }
}

/** Arguments of `iptables -D` for every rule in `iptables-save` output that carries the comment. Pure. */
export function rulesToDelete(saved: string, mark: string): readonly (readonly string[])[] {
  return saved.split('\n').flatMap((line) => {
    const words = line.split(' ').map((word) => word.replaceAll('"', ''))
    return words[0] === '-A' && words[words.indexOf('--comment') + 1] === mark ? [['-D', ...words.slice(1)]] : []
  })
}

function removeRules(layout: ClusterLayout): void {
  for (const table of ['filter', 'nat']) {
    let saved: string
    try {
      saved = run('iptables-save', '-t', table)
    } catch {
      continue
    }
    for (const rule of rulesToDelete(saved, comment(layout))) attempt('iptables', '-w', '10', '-t', table, ...rule)
  }
}

function ensureNode(layout: ClusterLayout, node: NodeLayout): void {
  const inside = (...command: readonly [string, ...string[]]): string => run('nsenter', `--net=${node.namespacePath}`, '--', ...command)
  if (!existsSync(node.namespacePath)) run('ip', 'netns', 'add', node.namespace)
  if (!linkExists(node.veth)) {
    run('ip', 'link', 'add', node.veth, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', node.namespace)
  }
  run('ip', 'link', 'set', node.veth, 'master', layout.bridge, 'up')
  inside('ip', 'link', 'set', 'lo', 'up')
  inside('ip', 'address', 'replace', `${node.address}/24`, 'dev', 'eth0')
  inside('ip', 'link', 'set', 'eth0', 'up')
  inside('ip', 'route', 'replace', 'default', 'via', layout.gateway)
  for (const other of layout.nodes) {
    if (other.number !== node.number) inside('ip', 'route', 'replace', other.podCidr, 'via', other.address)
  }
  inside('sysctl', '-qw', 'net.ipv4.ip_forward=1')
  run('ip', 'route', 'replace', node.podCidr, 'via', node.address, 'dev', layout.bridge)
}

/** Makes bridge, rules, namespaces, cables and routes of a cluster; what is there already stays. */
export function ensureNetwork(layout: ClusterLayout): void {
  if (!linkExists(layout.bridge)) run('ip', 'link', 'add', layout.bridge, 'type', 'bridge')
  run('ip', 'address', 'replace', `${layout.gateway}/24`, 'dev', layout.bridge)
  run('ip', 'link', 'set', layout.bridge, 'up')
  const forwarding = '/proc/sys/net/ipv4/ip_forward'
  if (readFileSync(forwarding, 'utf8').trim() !== '1') writeFileSync(forwarding, '1')
  ensureRules(layout)
  for (const node of layout.nodes) ensureNode(layout, node)
}

/** Removes everything that `ensureNetwork` made; what is not there is fine. */
export function removeNetwork(layout: ClusterLayout): void {
  for (const node of layout.nodes) {
    if (existsSync(node.namespacePath)) attempt('ip', 'netns', 'delete', node.namespace)
    // A namespace lives on while the kernel still tears down what was in it; its cable would keep the name.
    if (linkExists(node.veth)) attempt('ip', 'link', 'delete', node.veth)
  }
  if (linkExists(layout.bridge)) attempt('ip', 'link', 'delete', layout.bridge)
  removeRules(layout)
}

/** Pulls a node's cable, or puts it back. */
export function setCable(node: NodeLayout, state: 'up' | 'down'): void {
  run('ip', 'link', 'set', node.veth, state)
}

/** Whether a node's cable is in. */
export function cableIsUp(node: NodeLayout): boolean {
  try {
    return (Number.parseInt(readFileSync(`/sys/class/net/${node.veth}/flags`, 'utf8'), 16) & 1) === 1
  } catch {
    return false
  }
}
