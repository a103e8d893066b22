import { randomBytes } from 'node:crypto'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'

/** What a database server has of its own. */
interface Server {
  readonly name: string
  readonly title: string
  readonly image: string
  readonly port: number
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly probe: readonly string[]
  /** Where its data lies, and where its socket. */
  readonly folders: { readonly data: string; readonly run: string }
  /** Of the user `notejam`. */
  readonly password: string
  readonly timeoutMs: number
  /** Where it runs; anywhere unless said. */
  readonly node?: string
}

const secretName = 'database'

/** PostgreSQL for one namespace, as a platform team would have it elsewhere: Deployment, Service and the Secret that an instance refers to. */
export async function startPostgres(api: ApiClient, namespace: string, image: string, node?: string): Promise<{ readonly secret: string }> {
  const password = newPassword()
  await start(api, namespace, {
    name: 'postgres',
    title: 'PostgreSQL',
    image,
    port: 5432,
    args: ['postgres', '-c', 'fsync=off', '-c', 'max_connections=100'],
    env: {
      POSTGRES_PASSWORD: password,
      POSTGRES_USER: 'notejam',
      POSTGRES_DB: 'notejam',
      PGDATA: '/var/lib/postgresql/data/server',
    },
    probe: ['pg_isready', '-h', '127.0.0.1', '-U', 'notejam'],
    folders: { data: '/var/lib/postgresql/data', run: '/var/run/postgresql' },
    password,
    timeoutMs: 120_000,
    ...(node === undefined ? {} : { node }),
  })
  return { secret: secretName }
}

/** The same with MariaDB. */
export async function startMariadb(api: ApiClient, namespace: string, image: string): Promise<{ readonly secret: string }> {
  const password = newPassword()
  await start(api, namespace, {
    name: 'mariadb',
    title: 'MariaDB',
    image,
    port: 3306,
    args: ['mariadbd', '--innodb-flush-log-at-trx-commit=0'],
    env: {
      MARIADB_ROOT_PASSWORD: newPassword(),
      MARIADB_USER: 'notejam',
      MARIADB_PASSWORD: password,
      MARIADB_DATABASE: 'notejam',
    },
    probe: ['mariadb-admin', '--socket=/run/mysqld/mysqld.sock', 'ping'],
    folders: { data: '/var/lib/mysql', run: '/run/mysqld' },
    password,
    timeoutMs: 180_000,
  })
  return { secret: secretName }
}

function newPassword(): string {
  return randomBytes(18).toString('base64url')
}

async function start(api: ApiClient, namespace: string, server: Server): Promise<void> {
  const { name, title, image, port, args, env, probe, folders, password, timeoutMs, node } = server
  const labels = { app: name }
  const metadata = { name, namespace }
  const container = {
    name,
    image,
    args,
    env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
    // A machine that is busy with the test is no reason to take the server out of its Service.
    readinessProbe: { exec: { command: probe }, periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 30 },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    volumeMounts: Object.entries(folders).map(([volume, mountPath]) => ({ name: volume, mountPath })),
  }
  const spec = {
    ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }),
    securityContext: { runAsNonRoot: true, runAsUser: 999, runAsGroup: 999, fsGroup: 999, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [container],
    volumes: Object.keys(folders).map((volume) => ({ name: volume, emptyDir: {} })),
  }
  const template = { metadata: { labels }, spec }
  const stringData = { host: `${name}.${namespace}.svc`, port: String(port), user: 'notejam', password, database: 'notejam' }
  const objects: readonly KubeObject[] = [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port }] } },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { selector: { matchLabels: labels }, template } },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: secretName, namespace }, stringData },
  ]
  for (const object of objects) await api.create(object)
  await waitFor(
    async () => {
      const found = await api.get<KubeObject & { status?: { readyReplicas?: number } }>(
        { apiVersion: 'apps/v1', kind: 'Deployment' },
        name,
        namespace,
      )
      return found?.status?.readyReplicas === 1
    },
    { what: `${title} being ready`, timeoutMs },
  )
}
