import { access, readFile } from 'node:fs/promises'
import { delimiter, dirname, join, resolve } from 'node:path'
import { newClusters, newContexts, newUsers, type Cluster } from '@kubernetes/client-node/dist/config_types.js'
import type { Clock } from './clock.ts'
import { absolutePath, ConfiguredCredentials, type ConfiguredUser, type CredentialSource } from './credentials.ts'
import { ConfigError } from './errors.ts'
import { findProxy } from './proxy-environment.ts'

/** How to reach an API server. */
export interface ClusterConfig {
  /** Base URL without a trailing slash; may have a path. */
  readonly server: string
  /** The context's namespace, in a cluster that of the pod; `default` where none is named. */
  readonly namespace: string
  readonly credentials: CredentialSource
  /** `http:`, `https:` or `socks5:` URL of a proxy to go through. */
  readonly proxyUrl?: string
}

/** Options of {@link loadClusterConfig}. */
export interface LoadOptions {
  readonly clock: Clock
  /** Path of a kubeconfig file; instead of what the environment says. */
  readonly kubeconfig?: string
  /** Context to use instead of the current one. */
  readonly context?: string
  /** Default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Folder where a pod finds its account. */
  readonly serviceAccountFolder?: string
}

/** The folder in every pod (Kubernetes documentation, "Accessing the Kubernetes API from a Pod"). */
const defaultServiceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Finds the API server and the credentials, in the order of controller-runtime's `GetConfig`: the path given, `KUBECONFIG` (a list of files, of
 * which the first wins where two say the same), the pod's account, `~/.kube/config`. Files are parsed and checked by `@kubernetes/client-node`.
 *
 * @throws ConfigError that says what was tried
 */
export async function loadClusterConfig(options: LoadOptions): Promise<ClusterConfig> {
  const environment = options.environment ?? process.env
  if (options.kubeconfig !== undefined) return await fromFiles([options.kubeconfig], options)
  const listed = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  if (listed.length > 0) return await fromFiles(listed, options)
  const inCluster = await fromServiceAccount(options, environment)
  if (inCluster !== undefined) return inCluster
  const home = environment['HOME'] ?? environment['USERPROFILE']
  if (home !== undefined && (await exists(join(home, '.kube', 'config')))) return await fromFiles([join(home, '.kube', 'config')], options)
  throw new ConfigError(
    'No API server is configured: this is no pod with a service account, KUBECONFIG is not set and ~/.kube/config does not exist. Set KUBECONFIG, or mount the service account token.',
  )
}

async function fromServiceAccount(
  options: LoadOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ClusterConfig | undefined> {
  const host = environment['KUBERNETES_SERVICE_HOST']
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443'
  const folder = options.serviceAccountFolder ?? defaultServiceAccountFolder
  const tokenFile = join(folder, 'token')
  if (!host || !(await exists(tokenFile))) return undefined
  const cluster: Cluster = {
    name: 'in-cluster',
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    caFile: join(folder, 'ca.crt'),
    skipTLSVerify: false,
  }
  const user: ConfiguredUser = { name: 'service-account', tokenFile }
  const namespace = await readFile(join(folder, 'namespace'), 'utf8').catch(() => 'default')
  return build(cluster, user, namespace.trim(), options)
}

interface KubeconfigFile {
  readonly 'current-context'?: string
  readonly clusters?: unknown
  readonly contexts?: unknown
  readonly users?: unknown
}

interface Entry {
  readonly name: string
}

async function fromFiles(paths: readonly string[], options: LoadOptions): Promise<ClusterConfig> {
  const files = await Promise.all(paths.map(readKubeconfig))
  const contextName = options.context ?? files.find((file) => file.currentContext)?.currentContext
  const where = paths.join(', ')
  if (!contextName)
    throw new ConfigError(`${where}: there is no current-context. Set it with "kubectl config use-context", or name a context.`)
  const context = pick(
    'context',
    contextName,
    files.flatMap((file) => file.contexts),
    where,
  )
  const cluster = pick(
    'cluster',
    context.cluster,
    files.flatMap((file) => file.clusters),
    where,
  )
  const user = context.user
    ? pick(
        'user',
        context.user,
        files.flatMap((file) => file.users),
        where,
      )
    : { name: 'anonymous' }
  return build(cluster, user, context.namespace ?? 'default', options)
}

function pick<T extends Entry>(what: string, name: string, entries: readonly T[], where: string): T {
  const found = entries.find((entry) => entry.name === name)
  if (found === undefined)
    throw new ConfigError(
      `${where}: there is no ${what} named "${name}"; there are ${entries.map((entry) => entry.name).join(', ') || 'none'}.`,
    )
  return found
}

async function readKubeconfig(path: string) {
  try {
    const { parse } = await import('yaml')
    const file = (parse(await readFile(path, 'utf8')) ?? {}) as KubeconfigFile
    const folder = dirname(resolve(path))
    return {
      currentContext: file['current-context'],
      contexts: newContexts(file.contexts),
      clusters: newClusters(file.clusters).map((cluster) =>
        withoutNulls<Cluster>({ ...cluster, caFile: absolutePath(folder, cluster.caFile) }),
      ),
      users: newUsers(withoutTokenFiles(file.users)).map((user) => {
        const tokenFile = absolutePath(folder, findTokenFile(file.users, user.name))
        const paths = { certFile: absolutePath(folder, user.certFile), keyFile: absolutePath(folder, user.keyFile), tokenFile }
        return withoutNulls<ConfiguredUser>({ ...user, ...paths })
      }),
    }
  } catch (error) {
    // The YAML parser shows the place below its first line, which a line of a log cannot hold.
    const why = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]?.replace(/:$/, '')
    throw new ConfigError(`The kubeconfig file ${path} cannot be used: ${why}`, { cause: error })
  }
}

interface RawUser {
  readonly name?: string
  readonly user?: Readonly<Record<string, unknown>>
}

function listUsers(users: unknown): readonly RawUser[] {
  return Array.isArray(users) ? (users as readonly RawUser[]) : []
}

/** The package's parser does not know `tokenFile`, which is kubectl's word. */
function findTokenFile(users: unknown, name: string): string | undefined {
  const user = listUsers(users).find((entry) => entry.name === name)?.user
  const path = user?.['tokenFile'] ?? user?.['token-file']
  return typeof path === 'string' ? path : undefined
}

/** The package reads `token-file` once, for good; this code reads it again when it changes. */
function withoutTokenFiles(users: unknown): readonly RawUser[] {
  return listUsers(users).map(withoutTokenFile)
}

function withoutTokenFile(entry: RawUser): RawUser {
  const { 'token-file': _path, ...user } = entry.user ?? {}
  return { ...entry, user }
}

/** The package fills what a file does not say with null or undefined, against its own types. */
function withoutNulls<T>(entry: { [Name in keyof T]: T[Name] | undefined }): T {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined && value !== null)) as T
}

function build(cluster: Cluster, user: ConfiguredUser, namespace: string, options: LoadOptions): ClusterConfig {
  const proxyUrl = cluster.proxyUrl ?? findProxy(cluster.server, options.environment ?? process.env)
  return {
    server: cluster.server,
    namespace,
    credentials: new ConfiguredCredentials({ cluster, user, clock: options.clock }),
    ...(proxyUrl && { proxyUrl }),
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
