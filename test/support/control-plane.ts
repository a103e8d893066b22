import { inject } from 'vitest'
import { ApiClient } from '../cluster/api-client.ts'

let client: ApiClient | undefined

/** The administrator's client for the control plane of this run, one per test file. */
export function controlPlaneApi(): ApiClient {
  client ??= ApiClient.fromKubeconfig(inject('controlPlane').kubeconfig)
  return client
}
