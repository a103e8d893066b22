import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { corefile } from './addons/dns.ts'
import { parseHierarchies } from './cgroups.ts'
import { fieldsOf } from './cri.ts'
import { kindConfig } from './kind-provider.ts'
import { rulesToDelete } from './network.ts'
import { tar, writeSandboxImage } from './sandbox-image.ts'
import { mountsBelow } from './teardown.ts'

describe('cgroup hierarchies', () => {
  test('are one per controller with version 1, and the one of version 2 beside them holds groups too', () => {
    const mounts = `tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
cgroup /elsewhere/pids cgroup rw,pids 0 0`

    const first = ['/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup/pids']
    expect(parseHierarchies(mounts)).toEqual({ version: 1, mountPoints: first, all: [...first, '/sys/fs/cgroup/unified'] })
  })

  test('are a single one with version 2', () => {
    const only = ['/sys/fs/cgroup']
    expect(parseHierarchies('cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n')).toEqual({ version: 2, mountPoints: only, all: only })
  })
})

test('mounts of a folder are found deepest first, and those of a neighbour with a longer name are not', () => {
  const mounts = `a /state/x ext4 rw 0 0
b /state/x/with\\040blank tmpfs rw 0 0
c /state/xy tmpfs rw 0 0
d /state/x/with\\040blank/deeper tmpfs rw 0 0
e /other tmpfs rw 0 0`

  expect(mountsBelow(mounts, ['/state/x'])).toEqual(['/state/x/with blank/deeper', '/state/x/with blank', '/state/x'])
})

test('rules of a cluster are found by their mark, and those of one with a longer name are not', () => {
  const saved = `*filter
:FORWARD DROP [0:0]
-A FORWARD -i njbr1 -m comment --comment "notejam:test" -j ACCEPT
-A FORWARD -i njbr2 -m comment --comment "notejam:test-2" -j ACCEPT
-A FORWARD -j DOCKER-USER
COMMIT`

  expect(rulesToDelete(saved, 'notejam:test')).toEqual([
    ['-D', 'FORWARD', '-i', 'njbr1', '-m', 'comment', '--comment', 'notejam:test', '-j', 'ACCEPT'],
  ])
})

test('fields of a message are found by number, whatever stands between them', () => {
  // 1: "ab", 2: varint 300, 3: fixed64, 1: "" (protobuf encoding, https://protobuf.dev/programming-guides/encoding/)
  const message = Buffer.from('0a026162 10ac02 190102030405060708 0a00'.replaceAll(' ', ''), 'hex')

  expect(fieldsOf(message, 1).map(String)).toEqual(['ab', ''])
  expect(fieldsOf(message, 2)).toEqual([])
})

describe('the sandbox image', () => {
  test('is an archive that tar reads, with the same bytes for the same program', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'notejam-sandbox-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'program'), 'content')

    await writeSandboxImage(join(folder, 'program'), 'localhost/a:b', join(folder, 'one.tar'))
    await writeSandboxImage(join(folder, 'program'), 'localhost/a:b', join(folder, 'two.tar'))

    const run = (...args: readonly string[]): string => execFileSync('tar', args, { encoding: 'utf8', cwd: folder })
    expect(
      run('-tf', 'one.tar')
        .split('\n')
        .filter(Boolean)
        .map((name) => name.replace(/^[0-9a-f]{64}/, 'CONFIG')),
    ).toEqual(['manifest.json', 'CONFIG.json', 'layer.tar'])
    run('-xf', 'one.tar')
    expect(run('-tvf', 'layer.tar')).toMatch(/^-rwxr-xr-x 0\/0 +7 .* pause\n-rwxr-xr-x 0\/0 +7 .* volume\n$/)
    expect(execFileSync('cmp', ['one.tar', 'two.tar'], { cwd: folder })).toHaveLength(0)
  })

  test('ends every entry at a block, also one that fills it', () => {
    for (const size of [0, 1, 511, 512, 513]) expect(tar([{ name: 'a', mode: 0o644, data: Buffer.alloc(size) }]).length % 512).toBe(0)
  })
})

describe('the Corefile', () => {
  const options = { address: '10.89.0.1', kubeconfig: '/k', context: 'c' }

  test('asks the host for other names where it knows a server', () => {
    expect(corefile({ ...options, forward: true })).toContain('forward . /etc/resolv.conf')
  })

  test('forwards to nobody where there is none, since CoreDNS would not start', () => {
    expect(corefile({ ...options, forward: false })).not.toContain('forward')
  })
})

test('kind gets a zone for each node, and the Ingress port on the loopback only', () => {
  const config = parse(kindConfig(2, 8080)) as { readonly nodes: readonly Record<string, unknown>[] }

  expect(config.nodes).toMatchObject([
    {
      role: 'control-plane',
      labels: { 'topology.kubernetes.io/zone': 'zone1' },
      extraPortMappings: [{ containerPort: 80, hostPort: 8080, listenAddress: '127.0.0.1' }],
    },
    { role: 'worker', labels: { 'topology.kubernetes.io/zone': 'zone2' } },
  ])
  expect(config.nodes[1]).not.toHaveProperty('extraPortMappings')
})
