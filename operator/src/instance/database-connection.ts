import type { NotejamInstance } from '../api/notejam.ts'
import { addressHash, defaultPoolSize, type Connection } from './connection.ts'
import { databaseHosts } from './resources/database-secret.ts'
import { databaseServer, type ServerEngine } from './resources/database-scripts.ts'
import { databaseName } from './resources/names.ts'

/** Engine of the server that the operator runs for an instance; undefined where it runs none. */
export function builtInEngine({ spec }: NotejamInstance): ServerEngine | undefined {
  const { builtIn, type } = spec.database
  return builtIn === undefined || type === 'SQLite' ? undefined : type
}

/** How the pods reach the server that the operator runs: by the Secret that it made, with the server's name verified. */
export function builtInConnection(instance: NotejamInstance, engine: ServerEngine): Connection {
  return {
    type: 'Server',
    engine: engine === 'PostgreSQL' ? 'postgres' : 'mysql',
    builtIn: true,
    secretName: databaseName(instance),
    endpoint: { port: databaseServer.ports[engine] },
    form: 'parts',
    hasPort: true,
    tlsMode: 'VerifyFull',
    caSecretName: databaseName(instance),
    poolSize: instance.spec.database.poolSizePerReplica ?? defaultPoolSize,
  }
}

/** Hash of the address of the built-in server, in the form of that of an external one: whoever else names it is found. */
export function builtInAddress(instance: NotejamInstance, engine: ServerEngine): string {
  return addressHash([databaseHosts({ instance })[0], String(databaseServer.ports[engine]), databaseServer.name])
}
