import { createHash } from 'node:crypto'
import type { InstanceSpec } from '../api/notejam.ts'
import { endpointOf, endpointOfURL, type Endpoint } from './endpoint.ts'

/** How the pods reach the database: everything that they are told of it, and no secret. */
export type Connection =
  | { readonly type: 'SQLite' }
  | {
      readonly type: 'Server'
      readonly engine: 'postgres' | 'mysql'
      /** The server is a pod of the instance. */
      readonly builtIn?: true
      readonly secretName: string
      readonly endpoint: Endpoint
      /** Whether the Secret holds a URL, or the parts of one. */
      readonly form: 'url' | 'parts'
      /** Whether the parts name a port; the engine's standard one otherwise. */
      readonly hasPort: boolean
      readonly tlsMode: string
      /** Absent: the public authorities count. */
      readonly caSecretName?: string
      /** Most connections of one pod. */
      readonly poolSize: number
    }

/** Entries of a database Secret that has no URL; the port may be left out. */
export const connectionParts = ['host', 'user', 'password', 'database'] as const

/** Connections of one pod, where nobody said so. */
export const defaultPoolSize = 10
const standardPorts = { PostgreSQL: 5432, MySQL: 3306 } as const
const schemes = { PostgreSQL: /^postgres(ql)?:\/\//, MySQL: /^(mysql|mariadb):\/\// } as const

/** What {@link describeConnection} finds. */
export type ConnectionResult =
  | { readonly connection: Connection }
  | { readonly missing: readonly string[] }
  | { readonly wrongScheme: true }
  | { readonly wrongAddress: true }

/**
 * Describes how to connect.
 *
 * @param entries - what the database Secret holds; not looked at for SQLite
 */
export function describeConnection({ database }: InstanceSpec, entries: ReadonlyMap<string, Buffer>): ConnectionResult {
  const { external, type } = database
  if (type === 'SQLite' || external === undefined) return { connection: { type: 'SQLite' } }
  const url = entries.get('url')?.toString()
  const missing = connectionParts.filter((part) => !entries.has(part))
  if (url === undefined && missing.length > 0) return { missing }
  if (url !== undefined && !schemes[type].test(url)) return { wrongScheme: true }
  const endpoint =
    url === undefined
      ? endpointOf(entries.get('host')?.toString().trim() ?? '', Number(entries.get('port')?.toString().trim() || standardPorts[type]))
      : endpointOfURL(url)
  if (endpoint === undefined || !(endpoint.port > 0 && endpoint.port < 65_536)) return { wrongAddress: true }
  const ca = external.tls?.caSecretRef?.name
  return {
    connection: {
      type: 'Server',
      engine: type === 'PostgreSQL' ? 'postgres' : 'mysql',
      secretName: external.secretRef.name,
      endpoint,
      form: url === undefined ? 'parts' : 'url',
      hasPort: entries.has('port'),
      tlsMode: external.tls?.mode ?? 'VerifyFull',
      ...(ca === undefined ? {} : { caSecretName: ca }),
      poolSize: database.poolSizePerReplica ?? defaultPoolSize,
    },
  }
}

/**
 * Names the database by a hash of its host, port and name, without user and password: these may be rotated. Undefined for SQLite, whose file
 * is named by the instance's volume.
 *
 * @param entries - what the database Secret holds; not looked at for SQLite
 */
export function databaseAddress({ database }: InstanceSpec, entries: ReadonlyMap<string, Buffer>): string | undefined {
  if (database.external === undefined || database.type === 'SQLite') return undefined
  const url = entries.get('url')?.toString()
  const parts = url === undefined ? ['host', 'port', 'database'].map((part) => entries.get(part)?.toString() ?? '') : partsOfUrl(url)
  // The standard port is the same, said or not.
  const [host = '', port, name] = parts
  return addressHash([host.trim().toLowerCase(), port?.trim() || String(standardPorts[database.type]), name])
}

/** Hash of a host, a port and the name of a database. */
export function addressHash(address: readonly (string | undefined)[]): string {
  return createHash('sha256').update(JSON.stringify(address)).digest('hex').slice(0, 16)
}

function partsOfUrl(url: string): readonly string[] {
  if (!URL.canParse(url)) return [url]
  const { hostname, port, pathname } = new URL(url)
  return [hostname, port, pathname.slice(1)]
}
