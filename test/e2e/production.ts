import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { Authority } from '../cluster/pki.ts'
import { hostOf } from './instance.ts'

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
