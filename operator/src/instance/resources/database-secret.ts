import { childMetadata } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import type { ServerCertificate } from '../database-certificate.ts'
import { databaseServer, type ServerEngine } from './database-scripts.ts'
import { databaseName } from './names.ts'
import type { RenderInput } from './render-input.ts'

/** Bytes of the password: as many as a brute force will never go through. */
export const passwordBytes = 24

/** Entries that server, app and Jobs read. */
export const databaseEntries = ['host', 'port', 'user', 'password', 'database', 'ca.crt', 'tls.crt', 'tls.key'] as const

/** Host names by which the built-in database is called; the first is the one in its Secret. */
export function databaseHosts({ instance }: Pick<RenderInput, 'instance'>): readonly [string, ...string[]] {
  const name = databaseName(instance)
  const { namespace = 'default' } = instance.metadata
  return [`${name}.${namespace}.svc`, name, `${name}.${namespace}`, `${name}.${namespace}.svc.cluster.local`, 'localhost']
}

/** What {@link buildDatabaseSecret} needs. */
export interface DatabaseSecretInput extends RenderInput {
  readonly engine: ServerEngine
  /** Random; goes into a URL as it is. */
  readonly password: string
  readonly certificate: ServerCertificate
}

/**
 * The Secret by which the app finds and trusts the built-in database, and by which the server sets its password at each start. It is created once. Not
 * immutable: a kubelet that knows an immutable Secret would not see the one that was made anew after it.
 */
export function buildDatabaseSecret(input: DatabaseSecretInput): DynamicObject {
  const { instance, engine, password, certificate } = input
  const entries: Readonly<Record<(typeof databaseEntries)[number], string>> = {
    host: databaseHosts(input)[0],
    port: String(databaseServer.ports[engine]),
    user: databaseServer.name,
    password,
    database: databaseServer.name,
    'ca.crt': certificate.authority,
    'tls.crt': certificate.certificate,
    'tls.key': certificate.key,
  }
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: childMetadata(instance, 'database', databaseName(instance)),
    type: 'Opaque',
    data: Object.fromEntries(Object.entries(entries).map(([entry, value]) => [entry, Buffer.from(value).toString('base64')])),
  }
}
