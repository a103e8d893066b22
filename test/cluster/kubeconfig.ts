import { stringify } from 'yaml'
import type { KeyPair } from './pki.ts'

/** What a kubeconfig file says. */
export interface KubeconfigOptions {
  /** Name of the cluster, and of the context. */
  readonly cluster: string
  readonly user: string
  readonly server: string
  /** PEM of the authority that signed the server's certificate. */
  readonly authority: string
  readonly client: KeyPair
  readonly namespace?: string
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** The text of a kubeconfig file with one context and all certificates inside. */
export function kubeconfig(options: KubeconfigOptions): string {
  const { cluster, user, server, authority, client, namespace } = options
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': base64(authority) } }],
    users: [{ name: user, user: { 'client-certificate-data': base64(client.cert), 'client-key-data': base64(client.key) } }],
    contexts: [{ name: cluster, context: { cluster, user, ...(namespace === undefined ? {} : { namespace }) } }],
    'current-context': cluster,
  })
}
