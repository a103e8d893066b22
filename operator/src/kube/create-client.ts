import type { Clock } from './clock.ts'
import { loadClusterConfig, type ClusterConfig, type LoadOptions } from './config.ts'
import { HttpClient } from './http-client.ts'
import { Transport, type TransportOptions } from './transport.ts'

/** Options of {@link createClient}. */
export interface CreateClientOptions extends Omit<TransportOptions, 'config'> {
  readonly clock: Clock
  /** How to find the cluster; default: as {@link loadClusterConfig} does. */
  readonly load?: Omit<LoadOptions, 'clock'>
}

/** A client with its connections. */
export interface ConnectedClient extends AsyncDisposable {
  readonly client: HttpClient
  readonly config: ClusterConfig
  /** Closes all connections. */
  close(): Promise<void>
}

/**
 * A client of the cluster that the environment points to. Nothing is sent yet.
 *
 * @throws ConfigError
 */
export async function createClient({ load, ...options }: CreateClientOptions): Promise<ConnectedClient> {
  const config = await loadClusterConfig({ ...load, clock: options.clock })
  const transport = new Transport({ ...options, config })
  const close = () => transport.close()
  return { client: new HttpClient(transport), config, close, [Symbol.asyncDispose]: close }
}
