import { randomBytes } from 'node:crypto'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { Authority } from '../cluster/pki.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { hostOf } from './instance.ts'

/** A database server for one namespace, as a platform team would have it elsewhere: Deployment, Service and the Secret that an instance refers to. */
export async function startPostgres(api: ApiClient, namespace: string, image: string): Promise<{ readonly secret: string }> {
  const password = randomBytes(18).toString('base64url')
  const labels = { app: 'postgres' }
  const metadata = { name: 'postgres', namespace }
  const container = {
    name: 'postgres',
    image,
    args: ['postgres', '-c', 'fsync=off', '-c', 'max_connections=100'],
    env: [
      { name: 'POSTGRES_PASSWORD', value: password },
      { name: 'POSTGRES_USER', value: 'notejam' },
      { name: 'POSTGRES_DB', value: 'notejam' },
      { name: 'PGDATA', value: '/var/lib/postgresql/data/server' },
    ],
    // A machine that is busy with the test is no reason to take the server out of its Service.
    readinessProbe: {
      exec: { command: ['pg_isready', '-h', '127.0.0.1', '-U', 'notejam'] },
      periodSeconds: 1,
      timeoutSeconds: 10,
      failureThreshold: 30,
    },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    volumeMounts: [
      { name: 'data', mountPath: '/var/lib/postgresql/data' },
      { name: 'run', mountPath: '/var/run/postgresql' },
    ],
  }
  const spec = {
    securityContext: { runAsNonRoot: true, runAsUser: 999, runAsGroup: 999, fsGroup: 999, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [container],
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'run', emptyDir: {} },
    ],
  }
  const objects: readonly KubeObject[] = [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port: 5432 }] } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'database', namespace },
      stringData: { host: `postgres.${namespace}.svc`, port: '5432', user: 'notejam', password, database: 'notejam' },
    },
  ]
  for (const object of objects) await api.create(object)
  await waitFor(
    async () => {
      const found = await api.get<KubeObject & { status?: { readyReplicas?: number } }>(
        { apiVersion: 'apps/v1', kind: 'Deployment' },
        'postgres',
        namespace,
      )
      return found?.status?.readyReplicas === 1
    },
    { what: 'PostgreSQL being ready', timeoutMs: 120_000 },
  )
  return { secret: 'database' }
}

/** What a Production instance on PostgreSQL is made of, beside the server itself. */
export interface ProductionOptions {
  readonly namespace: string
  readonly name: string
  readonly image: string
  /** Secret of the database. */
  readonly secret: string
  readonly replicas: number
  readonly spec?: Readonly<Record<string, unknown>>
}

/** An instance of environment Production: three pods, TLS at the Ingress, database elsewhere. */
export function productionInstance({ namespace, name, image, secret, replicas, spec = {} }: ProductionOptions): KubeObject {
  const host = hostOf(namespace, name)
  return {
    apiVersion: 'notejam.io/v1',
    kind: 'NotejamInstance',
    metadata: { name, namespace },
    spec: {
      environment: 'Production',
      image,
      replicas,
      database: { type: 'PostgreSQL', external: { secretRef: { name: secret }, tls: { mode: 'Disable' }, maxConnections: 100 } },
      http: { hosts: [host], ingress: { tls: { secretRef: { name: 'tls' } } } },
      app: { publicURL: `https://${host}` },
      availability: { zoneSpread: 'Preferred' },
      ...spec,
    },
  }
}

/** The Secret `tls`, with a certificate for the host of an instance. */
export async function createCertificate(api: ApiClient, namespace: string, name: string): Promise<void> {
  const host = hostOf(namespace, name)
  const { cert, key } = Authority.create('test').issue({ commonName: host, usages: ['server'], names: [host] })
  await api.create({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name: 'tls', namespace },
    stringData: { 'tls.crt': cert, 'tls.key': key },
  })
}
