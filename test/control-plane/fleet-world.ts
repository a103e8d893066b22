import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { storeType, recipients } from './backup-scene.ts'
import { absent, placed, present } from './fleet-knowledge.ts'
import { digestOf, repository } from './instance-kubelet.ts'
import { instanceType } from './instance-scene.ts'

/** Name of the instance in each namespace. */
export const instanceName = 'notes'

const sqlite = { type: 'SQLite', sqlite: { storage: { size: '1Gi' } } }
const external = (type: string) => ({ type, external: { secretRef: { name: present.database } } })
const builtIn = (type: string, image: string) => ({ type, builtIn: { image: `registry.example/${image}` } })
const release = { rollout: { minReadySeconds: 0, progressDeadlineSeconds: 10 }, migration: { deadlineSeconds: 30 } }
const production = { environment: 'Production', backup: { storeRef: { name: present.store } }, http: { hosts: ['NAMESPACE.example.org'] } }

/** What instances begin with: every environment, engine and way to run it that the schema allows. */
const shapes: readonly Readonly<Record<string, unknown>>[] = [
  { environment: 'Development', database: sqlite, seed: { generate: {} } },
  { environment: 'Test', database: external('PostgreSQL'), backup: { storeRef: { name: present.store } } },
  { ...production, database: external('PostgreSQL') },
  { environment: 'Development', database: builtIn('PostgreSQL', 'postgres:17.5') },
  { environment: 'Test', database: sqlite, http: { hosts: ['NAMESPACE.example.org'], ingress: {} } },
  { ...production, database: external('MySQL'), autoscaling: { minReplicas: 1, maxReplicas: 4 } },
  { environment: 'Development', database: external('MySQL'), http: { hosts: ['www.NAMESPACE.example.org'], ingress: {} } },
  { environment: 'Test', database: builtIn('MySQL', 'mariadb:11.8.2'), replicas: 2 },
]

const shapeOf = (index: number): Readonly<Record<string, unknown>> => shapes[index % shapes.length] ?? {}

/** The image of a tag, as a spec names it. */
export function imageOf(tag: string, byDigest: boolean): string {
  return byDigest ? `${repository}@${digestOf(tag)}` : `${repository}:${tag}`
}

/** What the instance of that number begins with. */
export function firstInstance(index: number, namespace: string): KubeObject {
  const shape = shapeOf(index)
  const spec = { image: imageOf('good-0', shape['environment'] === 'Production'), release, ...shape }
  return { ...instanceType, metadata: { name: instanceName, namespace }, spec: placed(spec, namespace) }
}

const encoded = (entries: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, Buffer.from(value).toString('base64')]))

/** The Secret of an external database: one of its own for each namespace. */
export function databaseSecret(index: number, namespace: string, name: string, password: string): KubeObject {
  const { type } = shapeOf(index)['database'] as { readonly type: string }
  const scheme = type === 'MySQL' ? 'mysql' : 'postgres'
  return secret(namespace, name, { url: `${scheme}://notes:${password}@db.${namespace}.example/notes` })
}

function secret(namespace: string, name: string, entries: Readonly<Record<string, string>>): KubeObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data: encoded(entries) }
}

function store(namespace: string, name: string): readonly KubeObject[] {
  const s3 = { endpoint: 'https://s3.example.org', bucket: name, credentialsSecretRef: { name: 'store-keys' } }
  const encryption = { recipients, identitySecretRef: { name: 'store-identity' } }
  return [{ ...storeType, metadata: { name, namespace }, spec: { s3, encryption } }]
}

/** Everything beside the instance that its specs may name, and that is there from the beginning. */
export function furniture(index: number, namespace: string): readonly KubeObject[] {
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    databaseSecret(index, namespace, present.database, 'secret'),
    databaseSecret(index, namespace, present.otherUser, 'other'),
    secret(namespace, present.authority, { 'ca.crt': 'authority' }),
    secret(namespace, present.mail, { url: 'smtps://notes:secret@mail.example:465' }),
    secret(namespace, present.key, { 'secret-key': 'k'.repeat(40) }),
    secret(namespace, 'store-keys', { 'access-key-id': 'key', 'secret-access-key': 'key' }),
    secret(namespace, 'store-identity', { identity: 'AGE-SECRET-KEY-1' }),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: present.runner, namespace } },
    ...store(namespace, present.store),
    ...store(namespace, present.secondStore),
    ...store(namespace, present.copies),
  ]
}

/** What specs may name and was missing during the storm. */
export function latecomers(index: number, namespace: string): readonly KubeObject[] {
  return [
    databaseSecret(index, namespace, absent.database, 'late'),
    secret(namespace, absent.authority, { 'ca.crt': 'authority' }),
    secret(namespace, absent.mail, { url: 'smtps://notes:secret@mail.example:465' }),
    secret(namespace, absent.key, { 'secret-key': 'l'.repeat(40) }),
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: absent.runner, namespace } },
    ...store(namespace, absent.store),
  ]
}

/** What is there once for all of a cluster. */
export const clusterFurniture: readonly KubeObject[] = [
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'fleet.example/none',
    allowVolumeExpansion: true,
  },
  priority(present.priority),
]

/** As {@link latecomers}, for all of a cluster. */
export const clusterLatecomers: readonly KubeObject[] = [priority(absent.priority)]

function priority(name: string): KubeObject {
  return { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value: 1000 }
}

/** Creates objects one after the other; one that is there stays. */
export async function bring(api: ApiClient, objects: readonly KubeObject[]): Promise<void> {
  for (const object of objects) {
    const { name, namespace } = object.metadata
    const { status, text } = await api.call('POST', await api.path(object, namespace), { body: object })
    if (status >= 300 && status !== 409) throw new Error(`${object.kind} ${name} was refused: ${status} ${text}`)
  }
}

/** Calls `work` for each item, so many at a time. */
export async function forAll<T>(items: readonly T[], parallel: number, work: (item: T, index: number) => Promise<void>): Promise<void> {
  const waiting = [...items.entries()]
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next[1], next[0])
    }),
  )
}
