import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { ApiClient, type KubeObject } from '../cluster/api-client.ts'
import { publishImage } from '../cluster/images.ts'
import { silentProgress } from '../cluster/progress.ts'
import { openCluster } from '../cluster/start-cluster.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { testNamespace } from '../support/namespace.ts'
import { NotejamClient } from '../support/notejam-client.ts'
import { conditionOf, instanceHas, instanceObject, instanceReady, setImage, urlOf } from './instance.ts'

const name = 'notes'
const account = ['ada@example.org', 'correct horse battery'] as const
const podType = { apiVersion: 'v1', kind: 'Pod' }
const setType = { apiVersion: 'apps/v1', kind: 'StatefulSet' }
const instanceType = { apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' }

/** The servers as the local images have them: Debian's packages, with an entrypoint that the operator does not use. */
const engines = [
  { type: 'PostgreSQL', image: 'postgres' },
  { type: 'MySQL', image: 'mariadb' },
] as const

describe('a built-in database', () => {
  const { kubeconfig, ingressUrl, images, name: clusterName } = inject('cluster')
  const api = ApiClient.fromKubeconfig(kubeconfig)
  const servers = new Map<string, string>()

  beforeAll(async () => {
    await using cluster = await openCluster(clusterName)
    for (const { image } of engines) {
      servers.set(image, (await publishImage(image, cluster.registry, { progress: silentProgress })).reference)
    }
  })

  afterAll(async () => await api.close())

  it.each(engines)(
    '$type: keeps the notes when its pod is killed and while it sleeps, and is wiped by a release of Development',
    async ({ type, image }) => {
      const namespace = await testNamespace(api, { prefix: image })
      const person = new NotejamClient({ baseUrl: ingressUrl, host: new URL(urlOf(namespace, name, ingressUrl)).host })
      const serverPod = async (): Promise<KubeObject | undefined> => api.get(podType, 'notes-database-0', namespace)
      try {
        const database = { type, poolSizePerReplica: 4, builtIn: { image: servers.get(image), storage: { size: '512Mi' } } }
        await api.create(instanceObject(namespace, name, images.app, ingressUrl, { environment: 'Development', database }))
        const instance = await instanceReady(api, namespace, name)
        expect(conditionOf(instance, 'DatabaseReachable')).toMatchObject({ status: 'True', reason: 'ServerReady' })
        await waitFor(async () => (await person.get('/signin/')).status === 200, { what: 'the sign-in page', timeoutMs: 30_000 })
        await person.signUp(...account)
        const note = await person.createNote('Remember the milk', 'and the bread')
        const noteIsThere = async (): Promise<void> => {
          const read = async (): Promise<boolean> => (await person.get(`/notes/${note}/`)).body.includes('and the bread')
          await waitFor(read, { what: 'the note being served', timeoutMs: 60_000, intervalMs: 250 })
        }

        // Without a grace period: the server is killed in the middle of whatever it does.
        const killed = (await serverPod())?.metadata.uid
        await api.delete(podType, 'notes-database-0', namespace, { gracePeriodSeconds: '0' })
        await waitFor(
          async () => {
            const uid = (await serverPod())?.metadata.uid
            return uid !== undefined && uid !== killed
          },
          { what: 'another pod of the server', timeoutMs: 60_000 },
        )
        await instanceHas(api, namespace, name, { type: 'DatabaseReachable', status: 'True', reason: 'ServerReady' }, 60_000)
        await noteIsThere()

        await api.patch(instanceType, name, namespace, { spec: { runPolicy: 'Hibernated' } })
        await instanceHas(api, namespace, name, { type: 'DatabaseReachable', status: 'False', reason: 'ServerStopped' }, 90_000)
        await waitFor(async () => (await serverPod()) === undefined, { what: 'the server being gone', timeoutMs: 60_000 })
        await api.patch(instanceType, name, namespace, { spec: { runPolicy: 'Running' } })
        await instanceReady(api, namespace, name)
        await noteIsThere()

        await setImage(api, namespace, name, images.next)
        await instanceReady(api, namespace, name)
        const before = await api.get(setType, 'notes-database', namespace)
        expect(before?.metadata['generation'], 'the server itself is not replaced by a release of the app').toBe(3)
        await waitFor(async () => (await person.get('/signin/')).status === 200, { what: 'the sign-in page', timeoutMs: 30_000 })
        await expect(person.signIn(...account), 'the account of before the release').rejects.toThrow('sign in')
      } finally {
        await person.close()
      }
    },
    300_000,
  )
})
