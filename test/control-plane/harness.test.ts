import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ApiClient } from '../cluster/api-client.ts'
import { startControlPlane } from '../cluster/control-plane.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { kubectlFor } from '../support/kubectl.ts'
import { testNamespace } from '../support/namespace.ts'

const CONFIG_MAP = { apiVersion: 'v1', kind: 'ConfigMap' } as const
const POD = { apiVersion: 'v1', kind: 'Pod' } as const

describe('the control plane of the run', () => {
  test('enforces the restricted profile in a namespace of a test', async () => {
    const api = controlPlaneApi()
    const namespace = await testNamespace(api)

    const refused = api.create({ ...POD, metadata: { name: 'plain', namespace }, spec: { containers: [{ name: 'a', image: 'a' }] } })

    await expect(refused).rejects.toThrow(/violates PodSecurity "restricted/)
  })

  test('runs the controllers that make pods from a Deployment, and the scheduler', async () => {
    const api = controlPlaneApi()
    const namespace = await testNamespace(api, { podSecurity: 'privileged' })
    const labels = { app: 'a' }
    const template = { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'a' }] } }

    await api.apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a', namespace },
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    })

    await waitFor(async () => (await api.list(POD, namespace)).length === 2, { what: 'two pods', timeoutMs: 15_000 })
    const events = async (): Promise<boolean> =>
      (await api.list({ apiVersion: 'events.k8s.io/v1', kind: 'Event' }, namespace)).some((event) => event['reason'] === 'FailedScheduling')
    await waitFor(events, { what: 'the scheduler saying that there is no node', timeoutMs: 15_000 })
  })
})

describe('a control plane of its own', () => {
  test('gives a user nothing but what a binding gives', async () => {
    await using controlPlane = await startControlPlane({ name: 'rbac' })
    const user = ApiClient.fromKubeconfig(controlPlane.addUser({ name: 'ada', groups: ['readers'] }))
    const before = user.list(CONFIG_MAP, 'default')
    await expect(before).rejects.toThrow(/User "ada" cannot list resource "configmaps"/)

    const metadata = { name: 'readers', namespace: 'default' }
    await controlPlane.api.apply({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }],
    })
    const subjects = [{ kind: 'Group', name: 'readers', apiGroup: 'rbac.authorization.k8s.io' }]
    const roleRef = { kind: 'Role', name: 'readers', apiGroup: 'rbac.authorization.k8s.io' }
    await controlPlane.api.apply({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata, subjects, roleRef })

    await waitFor(async () => (await user.list(CONFIG_MAP, 'default')).length > 0, { what: 'the binding taking effect', timeoutMs: 5000 })
    await expect(user.list(POD, 'default')).rejects.toThrow(/cannot list/)
    await user.close()
  })

  test('forgets old revisions by compaction and a restart that has to wait for its port, and keeps the objects', async () => {
    await using controlPlane = await startControlPlane({ name: 'compaction' })
    const { api } = controlPlane
    const created = await api.create({ ...CONFIG_MAP, metadata: { name: 'kept', namespace: 'default' } })
    const old = created.metadata.resourceVersion ?? ''
    for (let i = 0; i < 5; i++) await api.patch(CONFIG_MAP, 'kept', 'default', { data: { i: String(i) } })

    await controlPlane.compact()
    await controlPlane.killApiServer()
    await expect(api.raw('/readyz')).rejects.toThrow()
    const { hostname: host, port } = new URL(controlPlane.url)
    const squatter = createServer().listen({ host, port: Number(port) })
    const apiServer = controlPlane.component('kube-apiserver')
    const failed = waitFor(() => apiServer.logTail().join().includes('address already in use'), { what: 'the port', timeoutMs: 30_000 })
    await Promise.all([controlPlane.startApiServer(), failed.finally(() => squatter.close())])

    const watch = await api.call('GET', '/api/v1/configmaps', { query: { watch: 'true', resourceVersion: old, timeoutSeconds: '1' } })
    expect(watch.text).toContain('"code":410')
    expect(await api.get(CONFIG_MAP, 'kept', 'default')).toMatchObject({ data: { i: '4' } })
  })

  test('several run side by side, and kubectl finds each', async () => {
    await using one = await startControlPlane({ name: 'one' })
    await using two = await startControlPlane({ name: 'two' })
    await one.api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'only-in-one' } })
    const kubectl = await kubectlFor(one.kubeconfig)

    expect(await kubectl.run(['get', 'namespace', 'only-in-one', '-o', 'name'])).toBe('namespace/only-in-one\n')
    expect(await two.api.get({ apiVersion: 'v1', kind: 'Namespace' }, 'only-in-one')).toBeUndefined()
  })

  test('dies with a harness that is killed, and the next one removes its folder', async () => {
    const state = mkdtempSync(join(tmpdir(), 'notejam-state-'))
    onTestFinished(() => rmSync(state, { recursive: true, force: true }))
    const script = `
      import { startControlPlane } from ${JSON.stringify(join(import.meta.dirname, '../cluster/control-plane.ts'))}
      const controlPlane = await startControlPlane({ name: 'doomed' })
      const names = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']
      console.log(JSON.stringify(names.map((name) => controlPlane.component(name).pid)))
      setInterval(() => {}, 1000)`
    const harness = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      env: { ...process.env, XDG_STATE_HOME: state },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface({ input: harness.stdout }), 'line')) as [string]
    const pids = JSON.parse(line) as readonly number[]
    expect(pids.filter(alive)).toHaveLength(4)

    harness.kill('SIGKILL')

    await waitFor(() => pids.every((pid) => !alive(pid)), { what: 'the end of the four programs', timeoutMs: 5000 })
    const folder = join(state, 'notejam', 'control-planes')
    expect(readdirSync(folder)).toHaveLength(1)
    const next = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      env: { ...process.env, XDG_STATE_HOME: state },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(createInterface({ input: next.stdout }), 'line')
    expect(readdirSync(folder)).toHaveLength(1)
    next.kill('SIGTERM')
    await once(next, 'exit')
    expect(readdirSync(folder)).toEqual([])
  })
})

function alive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
