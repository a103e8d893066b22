import { createClient, type ConnectedClient, type CreateClientOptions } from '../../operator/src/kube/create-client.ts'
import { silentLogger } from '../../operator/src/kube/logger.ts'
import { SystemClock } from '../../operator/src/runtime/clock.ts'

/** The operator's own client with the credentials of a kubeconfig. */
export async function connect(kubeconfig: string, options: Partial<CreateClientOptions> = {}): Promise<ConnectedClient> {
  return await createClient({
    clock: new SystemClock(),
    random: Math.random,
    logger: silentLogger,
    userAgent: 'notejam-test',
    load: { kubeconfig, environment: {} },
    ...options,
  })
}
