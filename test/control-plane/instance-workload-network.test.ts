import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import type { KubeObject } from '../cluster/api-client.ts'
import { ensureBinaries } from '../cluster/binaries.ts'
import { runCommand } from '../cluster/command.ts'
import { silentProgress } from '../cluster/progress.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { Scene } from './instance-scene.ts'

const api = controlPlaneApi()
let cyclonus = ''

/** One end of a connection, in the form of cyclonus. */
interface Peer {
  readonly Internal?: {
    readonly PodLabels: Readonly<Record<string, string>>
    readonly NamespaceLabels: Readonly<Record<string, string>>
    readonly Namespace: string
  }
  readonly IP: string
}

interface Connection {
  readonly from: Peer
  readonly to: Peer
  readonly port: number
  readonly protocol?: 'UDP'
}

const outside = (IP: string): Peer => ({ IP })
const pod = (Namespace: string, PodLabels: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>> = {}): Peer => ({
  Internal: { Namespace, PodLabels, NamespaceLabels: { 'kubernetes.io/metadata.name': Namespace, ...labels } },
  IP: '10.244.0.9',
})

/** Asks cyclonus which connections the policies of the API server allow. */
async function allowed(policies: readonly KubeObject[], connections: readonly Connection[]): Promise<readonly boolean[]> {
  const folder = mkdtempSync(join(tmpdir(), 'notejam-cyclonus-'))
  onTestFinished(() => {
    rmSync(folder, { recursive: true })
  })
  const policyFile = join(folder, 'policies.json')
  const trafficFile = join(folder, 'traffic.json')
  // It knows no fields that are newer than itself.
  const known = policies.map(({ apiVersion, kind, metadata: { name, namespace }, ...rest }) => ({
    apiVersion,
    kind,
    metadata: { name, namespace },
    spec: rest['spec'],
  }))
  const traffic = connections.map(({ from, to, port, protocol = 'TCP' }) => ({
    Source: from,
    Destination: to,
    ResolvedPort: port,
    ResolvedPortName: '',
    Protocol: protocol,
  }))
  writeFileSync(policyFile, JSON.stringify({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicyList', items: known }))
  writeFileSync(trafficFile, JSON.stringify(traffic))
  const text = await runCommand(cyclonus, [
    ...['analyze', '--mode', 'query-traffic', '--verbosity', 'error'],
    ...['--policy-path', policyFile, '--traffic-path', trafficFile],
  ])
  return [...text.matchAll(/IS ALLOWED\?\s*\|\s*(TRUE|FALSE)/g)].map(([, answer]) => answer === 'TRUE')
}

beforeAll(async () => {
  await applyCrds(api)
  cyclonus = (await ensureBinaries(['cyclonus'], { progress: silentProgress })).cyclonus
})

afterAll(async () => {
  await api.close()
})

async function open(
  more: Readonly<Record<string, unknown>>,
): Promise<{ readonly scene: Scene; readonly policies: () => Promise<readonly KubeObject[]> }> {
  const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
  const secret = (name: string, url: string) =>
    api.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: scene.namespace }, stringData: { url } })
  await secret('notes-db', 'postgres://notes:secret@192.0.2.10:6432/notes')
  await secret('smtp', 'smtp://mail.example:587')
  await scene.create('good-1', {
    database: { type: 'PostgreSQL', external: { secretRef: { name: 'notes-db' }, tls: { mode: 'Disable' } } },
    app: { smtpSecretRef: { name: 'smtp' } },
    ...more,
  })
  await scene.served('good-1')
  return { scene, policies: () => api.list({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' }, scene.namespace) }
}

describe('the network policies of an instance, evaluated by cyclonus', () => {
  it('open exactly the ways that are needed', async () => {
    const { scene, policies } = await open({
      networkPolicy: { egress: [{ ports: [{ port: 4318 }], to: [{ ipBlock: { cidr: '192.0.2.30/32' } }] }] },
    })
    const own = await api.list<KubeObject & { metadata: { labels: Readonly<Record<string, string>> } }>(
      { apiVersion: 'v1', kind: 'Pod' },
      scene.namespace,
    )
    const labelsOf = (component: string) =>
      own.find(({ metadata }) => metadata.labels['app.kubernetes.io/component'] === component)?.metadata.labels ?? {}
    const app = pod(scene.namespace, labelsOf('app'))
    const job = pod(scene.namespace, { ...labelsOf('migration') })
    const smoke = pod(scene.namespace, { ...labelsOf('app'), 'app.kubernetes.io/component': 'smoke' })
    const neighbour = pod(scene.namespace, { app: 'other' })
    const otherTeam = pod('other-team', { app: 'other' })
    const monitoring = pod('monitoring', { app: 'prometheus' }, { 'notejam.io/monitoring': 'true' })
    const database = outside('192.0.2.10')
    const anywhere = outside('198.51.100.7')
    expect(Object.keys(labelsOf('app')).length * Object.keys(labelsOf('migration')).length).toBeGreaterThan(0)

    const table: readonly (readonly [string, Connection, boolean])[] = [
      ['the app asks for names', { from: app, to: anywhere, port: 53, protocol: 'UDP' }, true],
      ['the app reaches the database', { from: app, to: database, port: 6432 }, true],
      ['the Job reaches the database', { from: job, to: database, port: 6432 }, true],
      ['the app reaches another database', { from: app, to: outside('192.0.2.11'), port: 6432 }, false],
      ['the app reaches another port of the database', { from: app, to: database, port: 22 }, false],
      ['the app reaches the mail server', { from: app, to: anywhere, port: 587 }, true],
      ['the Job reaches the mail server', { from: job, to: anywhere, port: 587 }, false],
      ['the app reaches what the spec adds', { from: app, to: outside('192.0.2.30'), port: 4318 }, true],
      ['the Job reaches what the spec adds', { from: job, to: outside('192.0.2.30'), port: 4318 }, false],
      ['the app reaches the web', { from: app, to: anywhere, port: 443 }, false],
      ['the app reaches the metadata service of a cloud', { from: app, to: outside('169.254.169.254'), port: 80 }, false],
      ['an ingress controller reaches the app', { from: otherTeam, to: app, port: 8080 }, true],
      ['an ingress controller on a node reaches the app', { from: anywhere, to: app, port: 8080 }, true],
      ['monitoring reads metrics', { from: monitoring, to: app, port: 9090 }, true],
      ['another team reads metrics', { from: otherTeam, to: app, port: 9090 }, false],
      ['a neighbour reads metrics', { from: neighbour, to: app, port: 9090 }, false],
      ['the Job that tries pages reaches the app', { from: smoke, to: app, port: 8080 }, true],
      ['it reaches the ops port', { from: smoke, to: app, port: 9090 }, false],
      ['it reaches the web', { from: smoke, to: anywhere, port: 443 }, false],
      ['a migration reaches the app', { from: job, to: app, port: 8080 }, false],
      ['somebody reaches the Job', { from: neighbour, to: job, port: 8080 }, false],
      ['the app reaches the Job', { from: app, to: job, port: 8080 }, false],
      ['other pods go where they like', { from: neighbour, to: anywhere, port: 443 }, true],
    ]
    const answers = await allowed(
      await policies(),
      table.map(([, connection]) => connection),
    )

    expect(table.map(([what], index) => `${what}: ${answers[index]}`)).toEqual(table.map(([what, , expected]) => `${what}: ${expected}`))
  })

  it('open the way to a built-in database for the instance alone', async () => {
    const { scene, policies } = await open({ database: { type: 'PostgreSQL', builtIn: { image: 'registry.example/postgres:17' } } })
    const own = (component: string, name = 'notes') =>
      pod(scene.namespace, {
        'app.kubernetes.io/name': 'notejam',
        'app.kubernetes.io/instance': name,
        'app.kubernetes.io/component': component,
      })
    const server = own('database')
    const anywhere = outside('198.51.100.7')

    const table: readonly (readonly [string, Connection, boolean])[] = [
      ['the app reaches the server', { from: own('app'), to: server, port: 5432 }, true],
      ['a migration reaches the server', { from: own('migration'), to: server, port: 5432 }, true],
      ['a backup reaches the server', { from: own('backup'), to: server, port: 5432 }, true],
      ['the app reaches another port of the server', { from: own('app'), to: server, port: 22 }, false],
      ['the app reaches another server', { from: own('app'), to: anywhere, port: 5432 }, false],
      ['another instance reaches the server', { from: own('app', 'other'), to: server, port: 5432 }, false],
      ['a neighbour reaches the server', { from: pod(scene.namespace, { app: 'other' }), to: server, port: 5432 }, false],
      ['somebody outside reaches the server', { from: anywhere, to: server, port: 5432 }, false],
      ['the server asks for names', { from: server, to: anywhere, port: 53, protocol: 'UDP' }, false],
      ['the server reaches the web', { from: server, to: anywhere, port: 443 }, false],
      ['the server reaches the app', { from: server, to: own('app'), port: 8080 }, false],
    ]
    const answers = await allowed(
      await policies(),
      table.map(([, connection]) => connection),
    )

    expect(table.map(([what], index) => `${what}: ${answers[index]}`)).toEqual(table.map(([what, , expected]) => `${what}: ${expected}`))
  })

  it('let in only its own namespace, or whom the spec names, and vanish when they are switched off', async () => {
    const { scene, policies } = await open({ http: {} })
    const app = pod(scene.namespace, {
      'app.kubernetes.io/name': 'notejam',
      'app.kubernetes.io/instance': 'notes',
      'app.kubernetes.io/component': 'app',
    })
    const neighbour: Connection = { from: pod(scene.namespace, { app: 'other' }), to: app, port: 8080 }
    const gateway: Connection = { from: pod('ingress', { app: 'gateway' }), to: app, port: 8080 }
    expect(await allowed(await policies(), [neighbour, gateway])).toEqual([true, false])

    await scene.edit({
      networkPolicy: { ingress: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress' } } }] },
    })
    await scene.until('Ready', 'True', 'Serving')
    expect(await allowed(await policies(), [neighbour, gateway])).toEqual([false, true])

    await scene.edit({ networkPolicy: { mode: 'Disabled', ingress: null } })
    await scene.until('Ready', 'True', 'Serving')
    expect(await policies()).toEqual([])
  })
})
