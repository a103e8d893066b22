import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { ApiClient, type KubeObject } from '../cluster/api-client.ts'
import { imageRecipe, publishImage, variantRecipe } from '../cluster/images.ts'
import { silentProgress } from '../cluster/progress.ts'
import { openCluster } from '../cluster/start-cluster.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { exampleInstance, examples } from '../support/examples.ts'
import { kubectlFor, type Kubectl } from '../support/kubectl.ts'
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
  {
    example: 'development/postgresql',
    image: 'postgres',
    ask: 'PGPASSWORD=$(cat /run/secrets/database/password) psql -Atc "select 7" "host=localhost user=notejam dbname=notejam $0"',
    verified: 'sslmode=verify-full sslrootcert=/run/secrets/database/ca.crt',
    inClear: 'sslmode=disable',
  },
  {
    example: 'development/mariadb',
    image: 'mariadb',
    ask: 'mariadb --no-defaults --protocol=tcp --host=localhost --user=notejam --password="$(cat /run/secrets/database/password)" $0 -Ne "select 7"',
    verified: '--ssl-ca=/run/secrets/database/ca.crt --ssl-verify-server-cert',
    inClear: '--skip-ssl',
  },
] as const

/** Says that it is the PostgreSQL of many years from now. */
const otherMajor = {
  instructions: 'COPY postgres /other/postgres\nRUN chmod 755 /other /other/postgres\nENV PATH=/other:$PATH',
  files: { postgres: "#!/bin/sh\necho 'postgres (PostgreSQL) 99.1'\n" },
}

describe('a built-in database', () => {
  const { kubeconfig, ingressUrl, images, name: clusterName } = inject('cluster')
  const api = ApiClient.fromKubeconfig(kubeconfig)
  const servers = new Map<string, string>()
  let kubectl: Kubectl

  beforeAll(async () => {
    kubectl = await kubectlFor(kubeconfig)
    await using cluster = await openCluster(clusterName)
    for (const { image } of engines) {
      servers.set(image, (await publishImage(image, cluster.registry, { progress: silentProgress })).reference)
    }
    const other = await variantRecipe({ name: 'postgres', of: await imageRecipe('postgres'), ...otherMajor })
    servers.set('other', (await publishImage(other, cluster.registry, { progress: silentProgress })).reference)
  })

  afterAll(async () => await api.close())

  it('keeps the notes when its pod is killed and while it sleeps, and is wiped by a release of Development, on both engines', async () => {
    await Promise.all(engines.map(async (engine) => await live(engine)))
  }, 300_000)

  /** The example of an engine, with the images of this cluster. */
  function specOf({ example, image }: (typeof engines)[number]): Readonly<Record<string, unknown>> {
    const found = examples().find(({ name: folder }) => folder === example)
    if (found === undefined) throw new TypeError(`examples/${example} is not there`)
    // Whatever the hour of the test.
    const { hibernation: _sleep, image: _image, http: _http, ...spec } = exampleInstance(found).spec
    const database = spec['database'] as { readonly builtIn: object }
    return { ...spec, database: { ...database, builtIn: { ...database.builtIn, image: servers.get(image) } } }
  }

  async function live(engine: (typeof engines)[number]): Promise<void> {
    const namespace = await testNamespace(api, { prefix: engine.image })
    const person = new NotejamClient({ baseUrl: ingressUrl, host: new URL(urlOf(namespace, name, ingressUrl)).host })
    const serverPod = async (): Promise<KubeObject | undefined> => api.get(podType, 'notes-database-0', namespace)
    const signInPage = async (): Promise<boolean> => (await person.get('/signin/')).status === 200
    try {
      await api.create(instanceObject(namespace, name, images.app, ingressUrl, specOf(engine)))
      const instance = await instanceReady(api, namespace, name, 180_000)
      expect(conditionOf(instance, 'DatabaseReachable')).toMatchObject({ status: 'True', reason: 'ServerReady' })
      await waitFor(signInPage, { what: `the sign-in page on ${engine.image}`, timeoutMs: 30_000 })
      await person.signUp(...account)
      const note = await person.createNote('Remember the milk', 'and the bread')
      const noteIsThere = async (): Promise<void> => {
        const read = async (): Promise<boolean> => (await person.get(`/notes/${note}/`)).body.includes('and the bread')
        await waitFor(read, { what: `the note being served on ${engine.image}`, timeoutMs: 60_000, intervalMs: 250 })
      }

      const ask = async (how: string): Promise<string> =>
        await kubectl.run(['exec', '--namespace', namespace, 'notes-database-0', '--', 'sh', '-c', `${engine.ask} 2>&1 || true`, how])
      expect((await ask(engine.verified)).trim()).toBe('7')
      expect(await ask(engine.inClear), 'the server asked in clear, with the right password').toMatch(/no encryption|denied|insecure/i)

      // Without a grace period: the server is killed in the middle of whatever it does.
      const killed = (await serverPod())?.metadata.uid
      await api.delete(podType, 'notes-database-0', namespace, { gracePeriodSeconds: '0' })
      await waitFor(
        async () => {
          const uid = (await serverPod())?.metadata.uid
          return uid !== undefined && uid !== killed
        },
        { what: `another pod of the server on ${engine.image}`, timeoutMs: 60_000 },
      )
      await instanceHas(api, namespace, name, { type: 'DatabaseReachable', status: 'True', reason: 'ServerReady' }, 60_000)
      await noteIsThere()

      await api.patch(instanceType, name, namespace, { spec: { runPolicy: 'Hibernated' } })
      await instanceHas(api, namespace, name, { type: 'DatabaseReachable', status: 'False', reason: 'ServerStopped' }, 90_000)
      await waitFor(async () => (await serverPod()) === undefined, { what: `the server being gone on ${engine.image}`, timeoutMs: 60_000 })
      await api.patch(instanceType, name, namespace, { spec: { runPolicy: 'Running' } })
      await instanceReady(api, namespace, name)
      await noteIsThere()

      if (engine.image === 'postgres') {
        await api.patch(instanceType, name, namespace, { spec: { database: { builtIn: { image: servers.get('other') } } } })
        const refusal = { type: 'Stalled', status: 'True', reason: 'DatabaseMajorUpgrade' } as const
        expect((await instanceHas(api, namespace, name, refusal)).message).toContain(
          'The data is of PostgreSQL 17, the image holds PostgreSQL 99',
        )
        await api.patch(instanceType, name, namespace, { spec: { database: { builtIn: { image: servers.get('postgres') } } } })
        await instanceReady(api, namespace, name)
        await noteIsThere()
      }

      const before = await api.get(setType, 'notes-database', namespace)
      await setImage(api, namespace, name, images.next)
      await instanceReady(api, namespace, name)
      const set = await api.get(setType, 'notes-database', namespace)
      expect(set?.metadata['generation'], 'a release of the app does not touch the server').toBe(before?.metadata['generation'])
      await waitFor(signInPage, { what: `the sign-in page on ${engine.image}`, timeoutMs: 30_000 })
      await person.signIn('user1@seed-1.example.org', 'notejam-seed')
      await expect(person.signIn(...account), 'the account of before the release').rejects.toThrow('sign in')
    } finally {
      await person.close()
    }
  }
})
