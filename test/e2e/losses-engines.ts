import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import type { Kubectl } from '../support/kubectl.ts'
import { PageWalk } from '../support/page-walk.ts'
import { startMariadb, startPostgres } from './database-servers.ts'

/** Name of the instance that is lost again and again. */
export const lostName = 'notes'

/** Where an instance runs: what differs from one cluster to the next. */
export interface LossSite {
  readonly api: ApiClient
  readonly kubectl: Kubectl
  /** Path of its kubeconfig. */
  readonly kubeconfig: string
  readonly ingressUrl: string
  readonly images: { readonly app: string; readonly postgres: string; readonly mariadb?: string }
  /** The endpoint is the one by which pods of this cluster reach the store. */
  readonly endpoint: string
}

/** A namespace of a site. */
export interface LossPlace extends LossSite {
  readonly namespace: string
}

/** What a kind of database has of its own, as far as losing it is concerned. */
export interface LossEngine {
  readonly name: 'PostgreSQL' | 'MariaDB' | 'SQLite'
  readonly replicas: number
  /** Fields of the instance's spec. */
  readonly spec: Readonly<Record<string, unknown>>
  readonly serverImage: (images: LossSite['images']) => string | undefined
  /** Starts an empty server in the namespace. */
  readonly start: (place: LossPlace) => Promise<void>
  readonly dropDatabase: (place: LossPlace) => Promise<void>
  readonly destroyVolume: (place: LossPlace) => Promise<void>
  /** What has to go by hand after the instance, before another one of its name can begin. */
  readonly clear: (place: LossPlace) => Promise<void>
}

interface Pod extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

const podType = { apiVersion: 'v1', kind: 'Pod' }
const claimType = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }
const external = { secretRef: { name: 'database' }, tls: { mode: 'Disable' }, maxConnections: 100 }

/** Production on the servers, Test on SQLite, which Production does not take. */
export const lossEngines: Readonly<Record<'postgresql' | 'mariadb' | 'sqlite', LossEngine>> = {
  postgresql: {
    name: 'PostgreSQL',
    replicas: 2,
    spec: { environment: 'Production', database: { type: 'PostgreSQL', external } },
    serverImage: ({ postgres }) => postgres,
    start: async ({ api, namespace, images }) => {
      await startPostgres(api, namespace, images.postgres)
    },
    dropDatabase: async ({ kubectl, namespace }) => {
      const statements = ['-c', 'DROP DATABASE notejam WITH (FORCE)', '-c', 'CREATE DATABASE notejam']
      await kubectl.run(['exec', '-n', namespace, 'deploy/postgres', '--', 'psql', '-U', 'notejam', '-d', 'postgres', ...statements])
    },
    destroyVolume: async (place) => await replaceServer(place, 'postgres'),
    clear: async (place) => await lossEngines.postgresql.dropDatabase(place),
  },
  mariadb: {
    name: 'MariaDB',
    replicas: 2,
    spec: { environment: 'Production', database: { type: 'MySQL', external } },
    serverImage: ({ mariadb }) => mariadb,
    start: async ({ api, namespace, images }) => {
      await startMariadb(api, namespace, images.mariadb ?? '')
    },
    dropDatabase: async ({ kubectl, namespace }) => {
      const statements = 'DROP DATABASE notejam; CREATE DATABASE notejam CHARACTER SET utf8mb4'
      const command = `exec mariadb --user=root --password="$MARIADB_ROOT_PASSWORD" --execute="${statements}"`
      await kubectl.run(['exec', '-n', namespace, 'deploy/mariadb', '--', 'sh', '-c', command])
    },
    destroyVolume: async (place) => await replaceServer(place, 'mariadb'),
    clear: async (place) => await lossEngines.mariadb.dropDatabase(place),
  },
  sqlite: {
    name: 'SQLite',
    replicas: 1,
    spec: { environment: 'Test', database: { type: 'SQLite', sqlite: { storage: { size: '64Mi' } } } },
    serverImage: () => undefined,
    start: async () => await Promise.resolve(),
    dropDatabase: async ({ api, kubectl, namespace }) => {
      const script = "for (const end of ['', '-wal', '-shm']) require('node:fs').rmSync('/data/notejam.db' + end, { force: true })"
      await kubectl.run(['exec', '-n', namespace, `deploy/${lostName}`, '--', '/usr/local/bin/node', '-e', script])
      // A process that has the file open would go on with it.
      await deletePods(api, namespace, appSelector)
    },
    destroyVolume: async (place) => {
      const { api, namespace } = place
      const before = await api.get(claimType, claimName, namespace)
      await using page = await PageWalk.begin('restore-everything', place)
      await page.run('delete pvc/notes-data')
      await waitFor(
        async () => {
          const claim = await api.get(claimType, claimName, namespace)
          return claim !== undefined && claim.metadata.uid !== before?.metadata.uid
        },
        { what: 'another volume in the place of the destroyed one', timeoutMs: 120_000 },
      )
    },
    // The volume goes with the instance.
    clear: async () => await Promise.resolve(),
  },
}

const claimName = `${lostName}-data`
const appSelector = 'app.kubernetes.io/component=app'

/** Deletes all pods that a selector finds; gives their UIDs. */
async function deletePods(api: ApiClient, namespace: string, labelSelector: string): Promise<ReadonlySet<string>> {
  const pods = await api.list(podType, namespace, { labelSelector })
  for (const { metadata } of pods) await api.delete(podType, metadata.name, namespace)
  return new Set(pods.map(({ metadata }) => metadata.uid ?? ''))
}

/** Destroys a server with its volume, which goes with the pod; another one begins empty. */
async function replaceServer({ api, namespace }: LossPlace, app: string): Promise<void> {
  const labelSelector = `app=${app}`
  const before = await deletePods(api, namespace, labelSelector)
  await waitFor(
    async () => {
      const pods = await api.list<Pod>(podType, namespace, { labelSelector })
      const isNew = pods.every(({ metadata }) => !before.has(metadata.uid ?? ''))
      const isReady = pods.some(({ status }) => status?.conditions?.some((found) => found.type === 'Ready' && found.status === 'True'))
      return isNew && isReady
    },
    { what: `an empty ${app}`, timeoutMs: 180_000 },
  )
}
