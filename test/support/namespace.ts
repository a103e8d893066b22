import { randomBytes } from 'node:crypto'
import { expect, onTestFinished } from 'vitest'
import type { ApiClient } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { keepDiagnostics } from './diagnostics.ts'

/** How a namespace is made. */
export interface NamespaceOptions {
  /** First part of its name; default: words of the test's own name. */
  readonly prefix?: string
  /** Pod Security level that is enforced, as our own namespaces have it; default `restricted`. */
  readonly podSecurity?: 'restricted' | 'baseline' | 'privileged'
  readonly labels?: Readonly<Record<string, string>>
}

const LABEL = 'pod-security.kubernetes.io/enforce'

function slug(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replaceAll(/^-+|-+$/g, '')
}

/**
 * Makes a namespace for the test that is running, ready for pods (its service account is there), and gives its name. When the test has
 * ended it is deleted without waiting; had the test failed, its objects, events and logs are kept under `test-results/` first.
 * Outside of a test (in `beforeAll`) use `createNamespace`.
 */
export async function testNamespace(api: ApiClient, options: NamespaceOptions = {}): Promise<string> {
  const test = expect.getState().currentTestName ?? 'test'
  const name = await createNamespace(api, { ...options, prefix: options.prefix ?? slug(test.split(' > ').at(-1) ?? test) })
  onTestFinished(async ({ task }) => {
    if (task.result?.state === 'fail') await keepDiagnostics(api, name, test)
    await deleteNamespace(api, name)
  })
  return name
}

/** Makes a namespace that the caller deletes. */
export async function createNamespace(api: ApiClient, options: NamespaceOptions = {}): Promise<string> {
  const { prefix = 'test', podSecurity = 'restricted', labels = {} } = options
  const name = `${prefix === '' ? 'test' : prefix}-${randomBytes(3).toString('hex')}`
  await api.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { [LABEL]: podSecurity, ...labels } } })
  await waitFor(async () => await api.get({ apiVersion: 'v1', kind: 'ServiceAccount' }, 'default', name), {
    what: `the service account of namespace ${name}`,
    timeoutMs: 15_000,
    intervalMs: 20,
  })
  return name
}

/** Deletes a namespace, without waiting for its end. */
export async function deleteNamespace(api: ApiClient, name: string): Promise<void> {
  await api.delete({ apiVersion: 'v1', kind: 'Namespace' }, name)
}
