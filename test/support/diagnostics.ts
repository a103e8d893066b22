import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { messageOf } from '../cluster/errors.ts'

interface ResourceList {
  readonly groupVersion: string
  readonly resources: readonly {
    readonly name: string
    readonly kind: string
    readonly namespaced: boolean
    readonly verbs: readonly string[]
  }[]
}

/** Kinds that say nothing about a failure, or the same as others. */
const SKIPPED = new Set(['events', 'endpoints', 'controllerrevisions', 'localsubjectaccessreviews'])

const LOG_BYTES = 200_000

async function namespacedLists(api: ApiClient): Promise<readonly ResourceList[]> {
  const groups = JSON.parse(await api.raw('/apis')) as {
    readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[]
  }
  const versions = ['/api/v1', ...groups.groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)]
  const lists = await Promise.allSettled(versions.map(async (path) => JSON.parse(await api.raw(path)) as ResourceList))
  return lists.flatMap((list) => (list.status === 'fulfilled' ? [list.value] : []))
}

/** Values of Secrets are as good as passwords, and results of a run are handed around. */
function redact(object: KubeObject): KubeObject {
  const { managedFields: _dropped, ...metadata } = object.metadata
  if (object.kind !== 'Secret') return { ...object, metadata }
  const data = Object.fromEntries(Object.keys(object['data'] ?? {}).map((key) => [key, '(not kept)']))
  return { ...object, metadata, data }
}

async function keepObjects(api: ApiClient, namespace: string, folder: string): Promise<void> {
  for (const { groupVersion, resources } of await namespacedLists(api)) {
    for (const { name, kind, namespaced, verbs } of resources) {
      if (!namespaced || !verbs.includes('list') || SKIPPED.has(name)) continue
      const objects = await api.list({ apiVersion: groupVersion, kind }, namespace)
      if (objects.length > 0)
        await writeFile(join(folder, `${name}.yaml`), objects.map((object) => stringify(redact(object))).join('---\n'))
    }
  }
}

interface Event extends KubeObject {
  readonly regarding?: { readonly kind?: string; readonly name?: string }
  readonly reason?: string
  readonly note?: string
  readonly type?: string
  readonly eventTime?: string
  readonly deprecatedLastTimestamp?: string
}

async function keepEvents(api: ApiClient, namespace: string, folder: string): Promise<void> {
  const events = await api.list<Event>({ apiVersion: 'events.k8s.io/v1', kind: 'Event' }, namespace)
  const lines = events.map(({ eventTime, deprecatedLastTimestamp, type, regarding, reason, note }) =>
    [eventTime ?? deprecatedLastTimestamp ?? '', type, `${regarding?.kind}/${regarding?.name}`, reason, note].join('\t'),
  )
  await writeFile(join(folder, 'events.tsv'), `${lines.toSorted().join('\n')}\n`)
}

interface Pod extends KubeObject {
  readonly spec: {
    readonly nodeName?: string
    readonly initContainers?: readonly { readonly name: string }[]
    readonly containers: readonly { readonly name: string }[]
  }
}

async function keepLogs(api: ApiClient, namespace: string, folder: string): Promise<void> {
  const pods = await api.list<Pod>({ apiVersion: 'v1', kind: 'Pod' }, namespace)
  for (const { metadata, spec } of pods.filter((pod) => pod.spec.nodeName !== undefined)) {
    for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
      for (const previous of ['false', 'true']) {
        const query = { container: container.name, previous, timestamps: 'true', limitBytes: String(LOG_BYTES) }
        const answer = await api.call('GET', `/api/v1/namespaces/${namespace}/pods/${metadata.name}/log`, { query })
        if (answer.status !== 200) continue
        await writeFile(join(folder, `${metadata.name}.${container.name}${previous === 'true' ? '.previous' : ''}.log`), answer.text)
      }
    }
  }
}

/**
 * Keeps objects, events and logs of a namespace in `test-results/<test>/` and gives that folder. What cannot be read is noted in
 * `incomplete.txt` and never hides the failure that this is about.
 */
export async function keepDiagnostics(api: ApiClient, namespace: string, test: string): Promise<string> {
  const folder = join('test-results', test.replaceAll(/[^\w.-]+/g, '-').slice(0, 120), namespace)
  await mkdir(folder, { recursive: true })
  const parts = await Promise.allSettled([
    keepObjects(api, namespace, folder),
    keepEvents(api, namespace, folder),
    keepLogs(api, namespace, folder),
  ])
  const problems = parts.flatMap((part) => (part.status === 'rejected' ? [messageOf(part.reason)] : []))
  if (problems.length > 0) await writeFile(join(folder, 'incomplete.txt'), `${problems.join('\n')}\n`)
  return folder
}
