import { fileURLToPath } from 'node:url'
import { ApiClient } from './api-client.ts'
import { runCommand } from './command.ts'
import type { PushedImage } from './image-push.ts'

/** Namespace and Helm release of the operator in the local cluster. */
export const OPERATOR_NAMESPACE = 'notejam-system'
export const OPERATOR_RELEASE = 'notejam-operator'

const NAMESPACE = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: OPERATOR_NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
}

const chart = fileURLToPath(new URL('../../charts/notejam-operator', import.meta.url))

/** What is installed where. */
export interface OperatorInstall {
  readonly kubeconfig: string
  readonly helm: string
  readonly image: PushedImage
  /** Further values of the chart, as `--set` takes them. */
  readonly values?: readonly string[]
  readonly signal?: AbortSignal | undefined
}

/**
 * Installs or upgrades the operator by its chart, as a platform team would, and waits until it is ready.
 *
 * @throws {ClusterError} `CommandFailed` with Helm's last lines.
 */
export async function installOperator(install: OperatorInstall): Promise<void> {
  const api = ApiClient.fromKubeconfig(install.kubeconfig)
  try {
    // Helm's --create-namespace cannot label what it creates.
    await api.apply(NAMESPACE, 'notejam-quickstart')
  } finally {
    await api.close()
  }
  const [repository = ''] = install.image.reference.split('@')
  const values = [`image.repository=${repository}`, `image.digest=${install.image.digest}`, ...(install.values ?? [])]
  await runCommand(
    install.helm,
    [
      'upgrade',
      '--install',
      OPERATOR_RELEASE,
      chart,
      `--kubeconfig=${install.kubeconfig}`,
      `--namespace=${OPERATOR_NAMESPACE}`,
      '--wait',
      '--timeout=3m',
      ...values.flatMap((value) => ['--set', value]),
    ],
    { signal: install.signal },
  )
}
