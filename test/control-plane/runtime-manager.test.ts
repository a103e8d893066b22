import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { Registry } from 'prom-client'
import { parse, stringify } from 'yaml'
import type { Client } from '../../operator/src/kube/client.ts'
import type { ConnectedClient } from '../../operator/src/kube/create-client.ts'
import { resources } from '../../operator/src/kube/resource.ts'
import { DrainTimeout, SyncTimeout } from '../../operator/src/runtime/errors.ts'
import { silentLogger, type Logger } from '../../operator/src/runtime/log.ts'
import type { ManagerOptions } from '../../operator/src/runtime/manager.ts'
import { rbacRules } from '../../operator/src/runtime/rbac.ts'
import { done } from '../../operator/src/runtime/result.ts'
import { schemaHash } from '../../operator/src/runtime/served.ts'
import { source } from '../../operator/src/runtime/source.ts'
import { createRuntimeMetrics } from '../../operator/src/telemetry/metrics.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { controlPlaneApi } from '../support/control-plane.ts'
import { testNamespace } from '../support/namespace.ts'
import {
  connect,
  installWidgets,
  settled,
  start,
  widget,
  widgetController,
  widgetDefinition,
  widgetManagerOptions,
  widgets,
  widgetType,
} from './runtime-fixture.ts'

const api = controlPlaneApi()
const { kubeconfig } = inject('controlPlane')
let connection: ConnectedClient
let client: Client

beforeAll(async () => {
  await installWidgets(api)
  connection = await connect(kubeconfig)
  client = connection.client
})

afterAll(async () => {
  await connection.close()
})

/** A log that is kept. */
function keepLog(): Logger & { readonly messages: string[] } {
  const messages: string[] = []
  const note = (_fields: object, message: string) => void messages.push(message)
  const log: Logger & { readonly messages: string[] } = { messages, debug: note, info: note, warn: note, error: note, child: () => log }
  return log
}

/** A client that may do what a service account may. */
async function connectAs(namespace: string, name: string): Promise<Client> {
  await api.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } })
  const { text } = await api.call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } },
  })
  const { token } = (JSON.parse(text) as { readonly status: { readonly token: string } }).status
  const config = parse(await readFile(kubeconfig, 'utf8')) as { users: { user: object }[] }
  config.users = config.users.map((user) => Object.assign(user, { user: { token } }))
  const folder = await mkdtemp(join(tmpdir(), 'runtime-'))
  await writeFile(join(folder, 'kubeconfig'), stringify(config))
  const connected = await connect(join(folder, 'kubeconfig'))
  onTestFinished(async () => {
    await connected.close()
    await rm(folder, { recursive: true })
  })
  return connected.client
}

async function bind(
  namespace: string,
  account: { readonly name: string; readonly namespace: string },
  rules: readonly object[],
): Promise<void> {
  const name = `runtime-${account.name}`
  const group = 'rbac.authorization.k8s.io'
  await api.apply({ apiVersion: `${group}/v1`, kind: 'Role', metadata: { name, namespace }, rules })
  await api.apply({
    apiVersion: `${group}/v1`,
    kind: 'RoleBinding',
    metadata: { name, namespace },
    roleRef: { apiGroup: group, kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', ...account }],
  })
}

const healthy = { health: { host: '127.0.0.1', port: 0 } } satisfies Partial<ManagerOptions>

async function ask(port: number | undefined, path: string): Promise<{ readonly status: number; readonly body: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  return { status: response.status, body: await response.text() }
}

describe('scope', () => {
  test('the generated roles are enough, in a list of namespaces', async () => {
    const own = await testNamespace(api, { prefix: 'own' })
    const served = await testNamespace(api, { prefix: 'served' })
    const account = { name: 'operator', namespace: own }
    const operator = await connectAs(own, account.name)
    const rules = rbacRules([widgetController()], 'list')
    expect(rules.cluster).toEqual([])
    await bind(own, account, rules.own)
    await bind(served, { ...account }, rules.namespaces)
    const log = keepLog()

    await using running = start(
      widgetManagerOptions(
        operator,
        served,
        { scope: { type: 'list', namespaces: [served] }, election: { lease: { namespace: own, name: 'widgets' } } },
        log,
      ),
    )
    await api.create(widget(served, 'a', { copies: 3 }))
    await settled(api, served, 'a')
    await api.patch(widgetType, 'a', served, { spec: { copies: 1 } })
    await settled(api, served, 'a')
    await api.delete(widgetType, 'a', served)
    await waitFor(async () => (await api.get(widgetType, 'a', served)) === undefined, { what: 'the end of the widget', timeoutMs: 10_000 })
    await running.stop()

    expect(log.messages).not.toContain('The pass failed')
    expect(log.messages).not.toContain('Could not write an event')
    expect(log.messages).toContain('Gave the lease away')
  })

  test('a namespace that may not be read is said once, keeps nobody waiting, and is served when a role allows it', async () => {
    const own = await testNamespace(api, { prefix: 'own' })
    const served = await testNamespace(api, { prefix: 'served' })
    const denied = await testNamespace(api, { prefix: 'denied' })
    const account = { name: 'operator', namespace: own }
    const operator = await connectAs(own, account.name)
    const rules = rbacRules([widgetController()], 'list').namespaces
    await bind(served, account, rules)
    const log = keepLog()
    const registry = new Registry()
    const change = { scope: { type: 'list', namespaces: [served, denied] }, metrics: createRuntimeMetrics(registry), ...healthy } as const
    await using running = start(widgetManagerOptions(operator, served, change, log))

    await api.create(widget(served, 'a'))
    await api.create(widget(denied, 'a'))
    await settled(api, served, 'a')
    const said = log.messages.filter((message) => message.startsWith('May not read a namespace'))
    expect(said).toHaveLength(1)
    expect(running.manager.status.denied.map(({ namespace, resource }) => `${namespace === denied} ${resource}`).toSorted()).toEqual([
      'true configmaps',
      'true jobs.batch',
      'true widgets.runtime.notejam.test',
    ])
    expect((await ask(running.manager.healthPort, '/readyz')).status).toBe(200)
    expect(await registry.metrics()).toContain(`operator_namespace_denied{resource="configmaps",namespace="${denied}"} 1`)

    await bind(denied, account, rules)
    await settled(api, denied, 'a', 45_000)
    expect(log.messages.filter((message) => message.startsWith('May not read a namespace'))).toHaveLength(1)
    await waitFor(() => running.manager.status.denied.length === 0, { what: 'the refusals being over', timeoutMs: 45_000 })
  })

  test('a call that the access table does not name never leaves', async () => {
    const namespace = await testNamespace(api)
    const codes: string[] = []
    const plain = widgetController()
    const reconcile: typeof plain.reconcile = async (key, { client: guarded }) => {
      await guarded.delete(resources.secrets, key).catch((error: unknown) => codes.push((error as { code: string }).code))
      return done
    }
    await using _running = start(widgetManagerOptions(client, namespace, { controllers: [{ ...plain, reconcile }] }))
    await api.create(widget(namespace, 'a'))

    await waitFor(() => codes.length > 0, { what: 'the refusal', timeoutMs: 5000, intervalMs: 10 })
    expect(codes[0]).toBe('CallNotDeclared')
  })
})

describe('start', () => {
  test('waits for a definition that is missing, says which, and goes on by itself', async () => {
    const namespace = await testNamespace(api)
    const gadgets = { group: 'late.notejam.test', version: 'v1', plural: 'gadgets', kind: 'Gadget', namespaced: true }
    const seen: string[] = []
    const controller = {
      name: 'gadget',
      primary: { resource: gadgets },
      reconcile: async ({ name }: { readonly name: string }) => {
        seen.push(name)
        return done
      },
    }
    await using running = start(widgetManagerOptions(client, namespace, { controllers: [controller], ...healthy }))
    await waitFor(() => running.manager.healthPort !== undefined && running.manager.status.missing.length > 0, {
      what: 'the wait',
      timeoutMs: 5000,
      intervalMs: 10,
    })
    const { status, body } = await ask(running.manager.healthPort, '/readyz?verbose')
    expect(status).toBe(500)
    expect(body).toContain('[-]definitions failed: not served: gadgets.late.notejam.test')
    expect((await ask(running.manager.healthPort, '/healthz')).status).toBe(200)

    const { spec } = widgetDefinition
    const names = { kind: 'Gadget', plural: 'gadgets' }
    await api.apply({
      ...widgetDefinition,
      metadata: { name: 'gadgets.late.notejam.test' },
      spec: { ...spec, group: gadgets.group, names },
    })
    await waitFor(() => running.manager.status.synced, { what: 'the start', timeoutMs: 30_000 })
    await waitFor(
      async () => await api.create({ apiVersion: 'late.notejam.test/v1', kind: 'Gadget', metadata: { name: 'g', namespace } }),
      { what: 'a gadget', timeoutMs: 10_000 },
    )
    await waitFor(() => seen.includes('g'), { what: 'its pass', timeoutMs: 10_000, intervalMs: 10 })
    expect((await ask(running.manager.healthPort, '/readyz')).status).toBe(200)
    await api.delete({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' }, 'gadgets.late.notejam.test')
  })

  test('does without an optional kind that is not served', async () => {
    const namespace = await testNamespace(api)
    const absent = { group: 'monitoring.coreos.com', version: 'v1', plural: 'servicemonitors', kind: 'ServiceMonitor', namespaced: true }
    const has: boolean[] = []
    const controller = {
      name: 'optional',
      primary: { resource: widgets },
      sources: [source({ resource: absent, optional: true })],
      reconcile: async (_key: object, { cache }: { cache: { has(resource: typeof absent): boolean } }) => {
        has.push(cache.has(absent))
        return done
      },
    }
    await using _running = start(widgetManagerOptions(client, namespace, { controllers: [controller] }))
    await api.create(widget(namespace, 'a'))

    await waitFor(() => has.length > 0, { what: 'a pass', timeoutMs: 10_000, intervalMs: 10 })
    expect(has[0]).toBe(false)
  })

  test('watches an optional kind a moment after its definition is installed, by the generated rights, and asks for nothing until then', async () => {
    const namespace = await testNamespace(api)
    const optional = { group: 'optional.notejam.test', version: 'v1', plural: 'gadgets', kind: 'Gadget', namespaced: true }
    const name = 'gadgets.optional.notejam.test'
    const table = { primary: { resource: widgets }, sources: [source({ resource: optional, optional: true })] }
    const operator = await connectAs(namespace, 'operator')
    const group = 'rbac.authorization.k8s.io'
    const role = { name: `runtime-${namespace}` }
    await api.apply({ apiVersion: `${group}/v1`, kind: 'ClusterRole', metadata: role, rules: rbacRules([table], 'all').cluster })
    await api.apply({
      apiVersion: `${group}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: role,
      roleRef: { apiGroup: group, kind: 'ClusterRole', ...role },
      subjects: [{ kind: 'ServiceAccount', name: 'operator', namespace }],
    })
    onTestFinished(async () => {
      const definition = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' }
      await api.delete(definition, name).catch(() => {})
      for (const kind of ['ClusterRoleBinding', 'ClusterRole']) await api.delete({ apiVersion: `${group}/v1`, kind }, role.name)
    })
    let asked = 0
    const request = operator.request.bind(operator)
    const counted: Client['request'] = (call) => {
      if (call.path === '/apis/optional.notejam.test/v1') asked += 1
      return request(call)
    }
    Object.assign(operator, { request: counted })
    const seen: string[] = []
    const reconcile = () => Promise.resolve(done)
    const mapped = source({ resource: optional, optional: true, map: ({ metadata }) => (seen.push(metadata.name), []) })
    const controller = { name: 'optional', primary: table.primary, sources: [mapped], reconcile }
    const change = { controllers: [controller], scope: { type: 'all' } } as const
    await using running = start(widgetManagerOptions(operator, namespace, change))
    await waitFor(() => running.manager.status.synced && asked === 2, { what: 'the definition being watched', timeoutMs: 10_000 })

    const { spec } = widgetDefinition
    await api.apply({
      ...widgetDefinition,
      metadata: { name },
      spec: { ...spec, group: optional.group, names: { kind: 'Gadget', plural: 'gadgets' } },
    })
    await waitFor(
      async () => await api.create({ apiVersion: 'optional.notejam.test/v1', kind: 'Gadget', metadata: { name: 'g', namespace } }),
      {
        what: 'a gadget',
        timeoutMs: 10_000,
      },
    )

    await waitFor(() => seen.includes('g'), { what: 'the gadget being seen', timeoutMs: 30_000, intervalMs: 10 })
  })

  test('tells a definition that is not the one of this version', async () => {
    const namespace = await testNamespace(api)
    const log = keepLog()
    const same = schemaHash(widgetDefinition, 'v1') ?? ''
    await using fits = start(widgetManagerOptions(client, namespace, { definitions: [{ resource: widgets, schemaHash: same }] }))
    await using outdated = start(
      widgetManagerOptions(client, namespace, { definitions: [{ resource: widgets, schemaHash: 'newer' }] }, log),
    )

    await waitFor(() => fits.manager.status.synced && outdated.manager.status.synced, { what: 'both', timeoutMs: 10_000, intervalMs: 10 })
    expect([fits.manager.status.outdatedDefinitions, outdated.manager.status.outdatedDefinitions]).toEqual([
      [],
      ['widgets.runtime.notejam.test'],
    ])
    expect(log.messages.filter((message) => message.includes('not the one of this version'))).toHaveLength(1)
  })

  test('ends when the caches cannot be filled, and says why', async () => {
    const namespace = await testNamespace(api)
    const operator = await connectAs(namespace, 'nobody')
    const running = start(widgetManagerOptions(operator, namespace, { scope: { type: 'all' }, syncSeconds: 1 }))

    const error = await running.ended

    expect(error).toBeInstanceOf(SyncTimeout)
    expect((error as Error).message).toMatch(/widgets\.runtime\.notejam\.test .*forbidden/i)
  })
})

describe('probes', () => {
  test('a follower is ready, and says that it does not lead', async () => {
    const namespace = await testNamespace(api)
    const registry = new Registry()
    const health = {
      host: '127.0.0.1',
      port: 0,
      metrics: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    }
    const election = { lease: { namespace, name: 'widgets' } }
    await using leader = start(widgetManagerOptions(client, namespace, { election }))
    await waitFor(() => leader.manager.status.leading, { what: 'a leader', timeoutMs: 10_000, intervalMs: 10 })
    await using follower = start(widgetManagerOptions(client, namespace, { election, health, metrics: createRuntimeMetrics(registry) }))
    await waitFor(() => follower.manager.status.synced, { what: 'the follower', timeoutMs: 10_000, intervalMs: 10 })

    const ready = await ask(follower.manager.healthPort, '/readyz?verbose')
    const metrics = await ask(follower.manager.healthPort, '/metrics')

    expect(ready).toEqual({ status: 200, body: '[+]definitions ok\n[+]caches ok\n[+]running ok\nreadyz check passed\n' })
    expect((await ask(follower.manager.healthPort, '/healthz')).body).toBe('ok')
    expect((await ask(follower.manager.healthPort, '/readyz/caches')).status).toBe(200)
    expect((await ask(follower.manager.healthPort, '/else')).status).toBe(404)
    expect(metrics.body).toContain(`leader_election_master_status{name="${namespace}/widgets"} 0`)
    expect(metrics.body).toContain('controller_runtime_reconcile_total{controller="widget",result="success"} 0')
    expect(metrics.body).toContain('workqueue_depth{name="widget",controller="widget"} ')
  })
})

describe('stop', () => {
  test('lets running passes end, starts no more, and gives the lease away last', async () => {
    const namespace = await testNamespace(api)
    const order: string[] = []
    const log = keepLog()
    const plain = widgetController()
    const release = Promise.withResolvers<void>()
    const reconcile: typeof plain.reconcile = async (key, context) => {
      order.push(`begin ${key.name}`)
      await release.promise
      const result = await plain.reconcile(key, context)
      order.push(`end ${key.name}`)
      return result
    }
    const election = { lease: { namespace, name: 'widgets' } }
    const running = start(
      widgetManagerOptions(client, namespace, { election, controllers: [{ ...plain, reconcile, maxConcurrent: 1 }] }, log),
    )
    await api.create(widget(namespace, 'a'))
    await api.create(widget(namespace, 'b'))
    await waitFor(() => order.length > 0, { what: 'a pass', timeoutMs: 10_000, intervalMs: 10 })

    const stopped = running.stop()
    await waitFor(() => log.messages.some((message) => message.startsWith('Stopping')), {
      what: 'the stop',
      timeoutMs: 5000,
      intervalMs: 5,
    })
    release.resolve()
    await stopped

    expect(order).toEqual(['begin a', 'end a'])
    expect(log.messages.at(-1)).toBe('Gave the lease away')
    expect((await api.get({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' }, 'widgets', namespace))?.['spec']).toMatchObject({
      holderIdentity: '',
    })
  })

  test('cuts what does not end in time, and says what that was', async () => {
    const namespace = await testNamespace(api)
    const plain = widgetController()
    let cut: unknown
    const begun = Promise.withResolvers<void>()
    const reconcile: typeof plain.reconcile = async (_key, { signal }) => {
      begun.resolve()
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      cut = signal.reason
      return done
    }
    const running = start(widgetManagerOptions(client, namespace, { drainSeconds: 0.2, controllers: [{ ...plain, reconcile }] }))
    await api.create(widget(namespace, 'a'))
    await begun.promise

    await expect(running.stop()).rejects.toThrow(new RegExp(`still running 0.2 s after .*${namespace}/a`))
    expect(cut).toBeInstanceOf(DrainTimeout)
  })

  test('a pass that takes too long is aborted, counted and tried again', async () => {
    const namespace = await testNamespace(api)
    const registry = new Registry()
    const plain = widgetController()
    let passes = 0
    const reconcile: typeof plain.reconcile = async (key, context) => {
      if (++passes > 1) return plain.reconcile(key, context)
      return new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => reject(context.signal.reason as Error), { once: true })
      })
    }
    await using _running = start(
      widgetManagerOptions(
        client,
        namespace,
        { metrics: createRuntimeMetrics(registry), controllers: [{ ...plain, reconcile, deadlineSeconds: 0.3 }] },
        silentLogger,
      ),
    )

    await api.create(widget(namespace, 'a'))
    await settled(api, namespace, 'a')

    const metrics = await registry.metrics()
    expect(metrics).toContain('controller_runtime_reconcile_timeouts_total{controller="widget"} 1')
    expect(metrics).toContain('controller_runtime_reconcile_errors_total{controller="widget"} 1')
    expect(metrics).toContain('workqueue_retries_total{name="widget",controller="widget"} 1')
  })
})
