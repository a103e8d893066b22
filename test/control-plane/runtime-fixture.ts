import { CollectionReflector } from '../../operator/src/kube/collection-reflector.ts'
import type { Client } from '../../operator/src/kube/client.ts'
import { createClient } from '../../operator/src/kube/create-client.ts'
import type { DynamicObject, KubeObject } from '../../operator/src/kube/object.ts'
import { resources, type Resource } from '../../operator/src/kube/resource.ts'
import { SystemClock } from '../../operator/src/runtime/clock.ts'
import { setCondition, type Condition } from '../../operator/src/runtime/conditions.ts'
import { addFinalizer, hasFinalizer, removeFinalizer } from '../../operator/src/runtime/finalizer.ts'
import { silentLogger, type Logger } from '../../operator/src/runtime/log.ts'
import { createManager, type ManagerOptions } from '../../operator/src/runtime/manager.ts'
import type { ControllerOptions, Reconcile } from '../../operator/src/runtime/reconciler.ts'
import { done } from '../../operator/src/runtime/result.ts'
import { source } from '../../operator/src/runtime/source.ts'
import type { ApiClient, KubeObject as TestObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'

/** The kind that the runtime's tests reconcile: so many ConfigMaps with this text, and one Job. */
export interface Widget extends KubeObject {
  readonly spec: { readonly copies: number; readonly text: string; readonly mode?: 'Fail' | 'Ok' }
  readonly status?: { readonly observedGeneration?: number; readonly conditions?: readonly Condition[] }
}

export const widgets: Resource = { group: 'runtime.notejam.test', version: 'v1', plural: 'widgets', kind: 'Widget', namespaced: true }
export const widgetType = { apiVersion: 'runtime.notejam.test/v1', kind: 'Widget' } as const
export const configMapType = { apiVersion: 'v1', kind: 'ConfigMap' } as const
export const jobType = { apiVersion: 'batch/v1', kind: 'Job' } as const
export const finalizer = 'runtime.notejam.test/widget'
export const managedBy = 'app.kubernetes.io/managed-by=runtime-test'
const labels = { 'app.kubernetes.io/managed-by': 'runtime-test' }

/** The definition of {@link Widget}. */
export const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.runtime.notejam.test' },
  spec: {
    group: widgets.group,
    names: { kind: 'Widget', plural: 'widgets' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', properties: { copies: { type: 'integer' }, text: { type: 'string' }, mode: { type: 'string' } } },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
} as const

/** Serves the Widget kind; may be called by many tests at once. */
export async function installWidgets(api: ApiClient): Promise<void> {
  await api.apply(widgetDefinition)
  await waitFor(async () => (await api.list(widgetType, 'default')) !== undefined, {
    what: 'widgets being served',
    timeoutMs: 15_000,
    intervalMs: 50,
  })
}

/** A widget. */
export function widget(namespace: string, name: string, spec: Partial<Widget['spec']> = {}): TestObject {
  return { ...widgetType, metadata: { name, namespace }, spec: { copies: 2, text: 'hello', ...spec } }
}

/** How the test controller differs from the plain one. */
export interface WidgetControllerOptions {
  /** Written into every object: who was it. */
  readonly writer?: string
  /** Called at the start of each pass. */
  readonly onPass?: (name: string) => void
}

/** One pass: finalizer, ConfigMaps, a Job, pruning, status. */
export function widgetReconcile({ writer = 'operator', onPass }: WidgetControllerOptions = {}): Reconcile {
  return async (key, { applier, cache, client, clock, recorder, signal }) => {
    onPass?.(key.name)
    const cached = cache.get<Widget>(widgets, key)
    if (cached === undefined) return done
    if (cached.metadata.deletionTimestamp !== undefined) {
      await removeFinalizer(client, widgets, cached, finalizer, signal)
      return done
    }
    const owner = hasFinalizer(cached, finalizer) ? cached : await addFinalizer(client, widgets, cached, finalizer, signal)
    if (owner.spec.mode === 'Fail') throw new Error('The widget wants to fail.')
    for (let index = 0; index < owner.spec.copies; index++) {
      const metadata = { name: `${key.name}-${index}`, namespace: key.namespace, labels }
      await applier.apply({
        resource: resources.configMaps,
        owner,
        desired: { ...configMapType, metadata, data: { text: owner.spec.text, writer } } as DynamicObject,
      })
    }
    const wanted = (name: string) => Number(name.slice(key.name.length + 1)) < owner.spec.copies
    for (const child of cache.controlledBy(resources.configMaps, owner.metadata.uid ?? ''))
      if (!wanted(child.metadata.name)) await applier.delete(resources.configMaps, child, owner)
    const { action } = await applier.apply({ resource: resources.jobs, owner, createOnly: true, desired: jobFor(owner) })
    if (action === 'created')
      recorder.event(owner, { type: 'Normal', reason: 'JobCreated', action: 'Create', note: `Made the job of ${key.name}` })
    const before = owner.status?.conditions ?? []
    const conditions = setCondition(
      before,
      { type: 'Ready', status: 'True', reason: 'Applied', message: owner.spec.text, observedGeneration: owner.metadata.generation ?? 0 },
      clock.now(),
    )
    if (conditions !== before)
      await client.patchStatus(
        widgets,
        key,
        { metadata: { resourceVersion: owner.metadata.resourceVersion }, status: { conditions, writer } },
        { signal, fieldManager: 'runtime-test/status' },
      )
    return done
  }
}

function jobFor({ metadata: { name, namespace = '' } }: Widget): DynamicObject {
  const container = { name: 'main', image: 'none', command: ['true'] }
  const template = { metadata: { labels }, spec: { restartPolicy: 'Never', containers: [container] } }
  return { ...jobType, metadata: { name: `${name}-job`, namespace, labels }, spec: { suspend: true, template } }
}

/** The controller of widgets. */
export function widgetController(options: WidgetControllerOptions = {}): ControllerOptions {
  return {
    name: 'widget',
    primary: { resource: widgets },
    sources: [
      source({ resource: resources.configMaps, labelSelector: managedBy }),
      source({ resource: resources.jobs, labelSelector: managedBy }),
    ],
    access: [
      { resource: widgets, verbs: ['patch'] },
      { resource: widgets, subresource: 'status', verbs: ['patch'] },
      { resource: widgets, subresource: 'finalizers', verbs: ['update'] },
      { resource: resources.configMaps, verbs: ['create', 'patch', 'delete'] },
      { resource: resources.jobs, verbs: ['create', 'patch', 'delete'] },
    ],
    reconcile: widgetReconcile(options),
  }
}

/** A real client from a kubeconfig. */
export async function connect(kubeconfig: string, userAgent = 'runtime-test') {
  return createClient({ clock: new SystemClock(), random: Math.random, logger: silentLogger, userAgent, load: { kubeconfig } })
}

/** Options of a manager for widgets in one namespace, to be changed by a test. */
export function widgetManagerOptions(
  client: Client,
  namespace: string,
  change: Partial<ManagerOptions> = {},
  log: Logger = silentLogger,
): ManagerOptions {
  const clock = new SystemClock()
  return {
    client,
    clock,
    log,
    reflect: (request) => new CollectionReflector({ ...request, client, clock, random: Math.random, logger: silentLogger }),
    scope: { type: 'own', namespace },
    controllers: [widgetController()],
    reportingController: 'notejam.test/runtime',
    fieldManager: 'runtime-test',
    annotations: { hash: 'notejam.test/applied', owner: 'notejam.test/owner', adopt: 'notejam.test/adopt' },
    election: false,
    health: false,
    ...change,
  }
}

/** A manager that runs. */
export interface Running extends AsyncDisposable {
  readonly manager: ReturnType<typeof createManager>
  readonly ended: Promise<unknown>
  /** Ends it in order; rejects with what `run` rejects with. */
  stop(): Promise<void>
}

/** Starts a manager; disposing stops it. */
export function start(options: ManagerOptions): Running {
  const manager = createManager(options)
  const controller = new AbortController()
  const run = manager.run(controller.signal)
  const ended = run.catch((error: unknown) => error)
  return {
    manager,
    ended,
    async stop() {
      controller.abort(new Error('The test ends.'))
      await run
    },
    async [Symbol.asyncDispose]() {
      controller.abort(new Error('The test ends.'))
      await ended
    },
  }
}

/** Everything of a test namespace that the controller answers for, without what differs from run to run. */
export async function normalised(api: ApiClient, namespace: string): Promise<readonly object[]> {
  const lists = await Promise.all([widgetType, configMapType, jobType].map((type) => api.list(type, namespace)))
  return lists
    .flat()
    .filter(({ kind, metadata }) => kind === 'Widget' || metadata.labels?.['app.kubernetes.io/managed-by'] === 'runtime-test')
    .map((object) => ({
      name: `${object.kind}/${object.metadata.name}`,
      owner: object.metadata.ownerReferences?.map(({ kind, name }) => `${kind}/${name}`),
      finalizers: object.metadata.finalizers,
      data: object['data'],
      // A Job's conditions are those of the controller manager, in its own time.
      reason:
        object.kind === 'Widget'
          ? (object as unknown as Widget).status?.conditions?.map(({ type, status, message }) => `${type}=${status} ${message}`)
          : undefined,
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Waits until a widget says that it is done with its newest generation. */
export async function settled(api: ApiClient, namespace: string, name: string, timeoutMs = 15_000): Promise<void> {
  await waitFor(
    async () => {
      const object = (await api.get(widgetType, name, namespace)) as unknown as
        | (Widget & { readonly metadata: { readonly generation: number } })
        | undefined
      const ready = object?.status?.conditions?.find(({ type }) => type === 'Ready')
      return ready !== undefined && ready.observedGeneration === object?.metadata.generation
    },
    { what: `widget ${name} being reconciled`, timeoutMs, intervalMs: 20 },
  )
}
