import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApiClient, type KubeObject } from '../../cluster/api-client.ts'
import { startControlPlane, type ControlPlane } from '../../cluster/control-plane.ts'
import { waitFor } from '../../cluster/wait-for.ts'
import { applyCrds } from '../../support/crds.ts'
import { childCollections, collections } from './collections.ts'
import { bundleOperator, startOperator } from './contenders.ts'
import { Observer } from './observer.ts'
import { Stage } from './stage.ts'
import { templateOf } from './template.ts'

/** An instance, as far as measurements look at it. */
export interface Instance extends KubeObject {
  readonly spec: { readonly image: string }
  readonly status?: {
    readonly observedGeneration?: number
    readonly release?: { readonly current?: { readonly image?: string } }
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
  }
}

/** Calls of the measurement in flight. */
const callsInFlight = 16

/** Image of a number: by digest, as in production. */
export function imageOf(number: number): string {
  return `registry.example/notejam@sha256:${number.toString(16).padStart(64, '0')}`
}

/** An instance whose pods carry a mark in their environment. */
export function instanceObject(namespace: string, name: string, { mark = 'mark-0', image = imageOf(1) } = {}): KubeObject {
  return {
    apiVersion: 'notejam.io/v1',
    kind: 'NotejamInstance',
    metadata: { name, namespace },
    spec: {
      environment: 'Test',
      image,
      database: { type: 'SQLite', sqlite: { storage: { size: '1Gi' } } },
      http: { hosts: [`${name}.example.org`], ingress: { className: 'bench' } },
      app: { extraEnv: [{ name: 'BENCH_MARK', value: mark }] },
      release: { rollout: { minReadySeconds: 0 } },
    },
  }
}

/** The change of a spec that {@link markOf} shows in the Deployment. */
export function markPatch(mark: string): object {
  return { spec: { app: { extraEnv: [{ name: 'BENCH_MARK', value: mark }] } } }
}

interface DeploymentLike extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly image: string
          readonly env?: readonly { readonly name: string; readonly value?: string }[]
        }[]
      }
    }
  }
}

/** Mark that a Deployment carries. */
export function markOf(object: KubeObject): string | undefined {
  const [container] = (object as DeploymentLike).spec.template.spec.containers
  return container?.env?.find(({ name }) => name === 'BENCH_MARK')?.value
}

/** Image of a Deployment's only container. */
export function deployedImage(object: KubeObject): string | undefined {
  return (object as DeploymentLike).spec.template.spec.containers[0]?.image
}

/** Runs `work` for each item, some at a time. */
export async function forEachInFlight<T>(items: readonly T[], work: (item: T) => Promise<void>, limit = callsInFlight): Promise<void> {
  const queue = items.values()
  await Promise.all(
    Array.from({ length: limit }, async () => {
      for (const item of queue) await work(item)
    }),
  )
}

/** A control plane with nobody on it but who is measured, and a {@link Stage}. */
export interface World extends AsyncDisposable {
  readonly controlPlane: ControlPlane
  readonly api: ApiClient
  readonly observer: Observer
  readonly stage: Stage
  readonly kubeconfig: string
  /** Folder of the operator's bundle. */
  readonly bundle: string
  /** Temporary; logs of all processes are here. */
  readonly folder: string
  readonly namespace: (name: string) => Promise<string>
  /** Path of a file with the children of one instance, made of what the operator applies. */
  readonly template: () => Promise<string>
}

/** How a world is made. */
export interface WorldOptions {
  readonly name: string
  /** Whether Jobs and Deployments have pods. */
  readonly pods?: boolean
}

/** Starts a {@link World}. Controller manager and scheduler are ended: a stage plays what is needed of them. */
export async function startWorld({ name, pods = false }: WorldOptions): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), `notejam-${name}-`))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const bundle = bundleOperator(folder)
  const controlPlane = stack.use(await startControlPlane({ name }))
  const { api, kubeconfig } = controlPlane
  await applyCrds(api)
  for (const component of ['kube-controller-manager', 'kube-scheduler']) await controlPlane.component(component).kill()
  const observer = stack.use(new Observer(kubeconfig))
  // Connections of its own: operations of a measurement do not wait for it.
  const stageApi = ApiClient.fromKubeconfig(kubeconfig)
  stack.defer(async () => await stageApi.close())
  const stage = stack.use(new Stage({ api: stageApi, observer, pods }))
  await stage.start()
  const made = stack.move()

  const namespace = async (wanted: string): Promise<string> => {
    await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: wanted } })
    await api.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: wanted } })
    return wanted
  }
  return {
    controlPlane,
    api,
    observer,
    stage,
    kubeconfig,
    bundle,
    folder,
    namespace,
    template: async () => await makeTemplate({ api, observer, kubeconfig, bundle, folder, namespace: await namespace('bench-template') }),
    [Symbol.asyncDispose]: async () => await made.disposeAsync(),
  }
}

interface TemplateWorld {
  readonly api: ApiClient
  readonly observer: Observer
  readonly kubeconfig: string
  readonly bundle: string
  readonly folder: string
  readonly namespace: string
}

/** Lets the operator make one instance, and reads what it applied. */
async function makeTemplate({ api, observer, kubeconfig, bundle, folder, namespace }: TemplateWorld): Promise<string> {
  const name = 'template-instance'
  const mark = 'template-mark'
  const image = imageOf(0xfeed)
  await using _operator = await startOperator({ bundle, kubeconfig, namespace, logFolder: folder })
  const { metadata } = await api.create(instanceObject(namespace, name, { mark, image }))
  await untilServed(observer, namespace, 1, 30_000)
  const children = (await Promise.all(childCollections.map(async (collection) => await api.list(collection, namespace)))).flat()
  const path = join(folder, 'template.jsonl')
  writeFileSync(path, templateOf(children, { name, namespace, uid: metadata.uid ?? '', image, mark }))
  return path
}

/** Whether the operator has nothing left to do for an instance. */
export function isServed({ metadata, status }: Instance): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  return status?.observedGeneration === metadata.generation && ready?.status === 'True'
}

/** Waits until so many instances of a namespace are served. */
export async function untilServed(observer: Observer, namespace: string, count: number, timeoutMs: number): Promise<void> {
  await observer.watch(collections.instances.path, collections.instances)
  await waitFor(
    () => observer.objects<Instance>(collections.instances.path, namespace).filter((instance) => isServed(instance)).length >= count,
    {
      what: `${count} instances of ${namespace} being served`,
      timeoutMs,
      intervalMs: 50,
    },
  )
}

/** Names of instances: `i-0001` and so on. */
export function namesOf(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from }, (_, index) => `i-${String(from + index + 1).padStart(4, '0')}`)
}
