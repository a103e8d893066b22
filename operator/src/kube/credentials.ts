import { resolve } from 'node:path'
import type { Cluster, User } from '@kubernetes/client-node/dist/config_types.js'
import type { Clock } from './clock.ts'
import { ConfigError } from './errors.ts'
import { FileSource } from './file-source.ts'

/** What a TLS connection to the API server needs; PEM texts. */
export interface TlsMaterial {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** Name to expect in the server's certificate, where it differs from the address. */
  readonly servername?: string
  /** False: the server's certificate is not checked. */
  readonly rejectUnauthorized?: boolean
}

/** What a request has to carry at the moment. */
export interface Credentials {
  /** The same object as long as nothing in it changed: a new one means that connections have to be made anew. */
  readonly tls: TlsMaterial
  readonly headers: Readonly<Record<string, string>>
}

/** Where credentials come from. */
export interface CredentialSource {
  /** @throws ConfigError when there are none to be had */
  current(): Promise<Credentials>
  /** The server refused what {@link CredentialSource.current} gave: read everything again. */
  invalidate(): void
}

/** A user of a kubeconfig file, with the field that the package's parser leaves out. */
export interface ConfiguredUser extends User {
  /** Path of a file with a bearer token, read again when it changes. */
  readonly tokenFile?: string
}

/** Options that authenticators of `@kubernetes/client-node` fill in. */
interface AuthenticationOptions {
  headers: Record<string, string>
  cert?: string
  key?: string
}

interface Authenticator {
  applyAuthentication(user: User, options: AuthenticationOptions): Promise<void>
}

/** Reads a value that stands in the file itself, base64-encoded, or in a file of its own. */
class Material {
  readonly #inline: string | undefined
  readonly #file: FileSource | undefined

  constructor(path: string | undefined, data: string | undefined, clock: Clock) {
    this.#file = path ? new FileSource(path, clock) : undefined
    this.#inline = data ? Buffer.from(data, 'base64').toString('utf8') : undefined
  }

  async read(): Promise<string | undefined> {
    return this.#file === undefined ? this.#inline : await this.#file.read()
  }

  invalidate(): void {
    this.#file?.invalidate()
  }
}

/** Credentials of one cluster and user, as a kubeconfig file or the in-cluster files describe them. */
export class ConfiguredCredentials implements CredentialSource {
  readonly #cluster: Cluster
  readonly #user: ConfiguredUser
  readonly #ca: Material
  readonly #cert: Material
  readonly #key: Material
  readonly #token: FileSource | undefined
  #authenticator: Promise<Authenticator> | undefined
  #tls: TlsMaterial = {}
  #reading: Promise<Credentials> | undefined

  /** @param options.cluster - paths in it and in the user must be absolute */
  constructor(options: { readonly cluster: Cluster; readonly user: ConfiguredUser; readonly clock: Clock }) {
    const { cluster, user, clock } = options
    this.#cluster = cluster
    this.#user = user
    this.#ca = new Material(cluster.caFile, cluster.caData, clock)
    this.#cert = new Material(user.certFile, user.certData, clock)
    this.#key = new Material(user.keyFile, user.keyData, clock)
    this.#token = user.tokenFile ? new FileSource(user.tokenFile, clock) : undefined
  }

  /** Callers that come while it is read share the result: a plugin is started once, not once per call. */
  async current(): Promise<Credentials> {
    try {
      this.#reading ??= this.#read()
      return await this.#reading
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new ConfigError(`The credentials of user "${this.#user.name}" cannot be read: ${why}`, { cause: error })
    } finally {
      this.#reading = undefined
    }
  }

  invalidate(): void {
    for (const material of [this.#ca, this.#cert, this.#key, this.#token]) material?.invalidate()
    this.#authenticator = undefined
  }

  async #read(): Promise<Credentials> {
    const filled: AuthenticationOptions = { headers: {} }
    if (this.#user.exec || this.#user.authProvider) {
      this.#authenticator ??= createAuthenticator(this.#user)
      await (await this.#authenticator).applyAuthentication(withExecInfo(this.#user, this.#cluster), filled)
    }
    const authorization = await this.#authorization()
    if (authorization !== undefined) filled.headers['authorization'] = authorization
    else if (filled.headers['Authorization'] !== undefined) {
      filled.headers['authorization'] = filled.headers['Authorization']
    }
    delete filled.headers['Authorization']
    if (this.#user.impersonateUser) filled.headers['impersonate-user'] = this.#user.impersonateUser
    return {
      headers: filled.headers,
      tls: this.#remember({
        ca: await this.#ca.read(),
        cert: filled.cert ?? (await this.#cert.read()),
        key: filled.key ?? (await this.#key.read()),
        servername: this.#cluster.tlsServerName || undefined,
        rejectUnauthorized: this.#cluster.skipTLSVerify ? false : undefined,
      }),
    }
  }

  async #authorization(): Promise<string | undefined> {
    const token = this.#token === undefined ? this.#user.token : await this.#token.read()
    if (token) return `Bearer ${token.trim()}`
    if (!this.#user.username) return undefined
    return `Basic ${Buffer.from(`${this.#user.username}:${this.#user.password ?? ''}`).toString('base64')}`
  }

  #remember(material: { [Name in keyof TlsMaterial]: TlsMaterial[Name] | undefined }): TlsMaterial {
    const next = Object.fromEntries(Object.entries(material).filter(([, value]) => value !== undefined)) as TlsMaterial
    const names: readonly (keyof TlsMaterial)[] = ['ca', 'cert', 'key', 'servername', 'rejectUnauthorized']
    if (names.some((name) => next[name] !== this.#tls[name])) this.#tls = next
    return this.#tls
  }
}

/**
 * Exec plugins come from the package's small module. Everything else that it can do (OIDC, the old cloud providers) needs its whole `KubeConfig`,
 * which brings all models of the API along (53 MiB of memory with Node 26); only who uses these pays.
 */
async function createAuthenticator(user: ConfiguredUser): Promise<Authenticator> {
  if (user.exec) {
    const { ExecAuth } = await import('@kubernetes/client-node/dist/exec_auth.js')
    return new ExecAuth()
  }
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js')
  const config = new KubeConfig()
  config.loadFromClusterAndUser({ name: 'cluster', server: 'https://localhost', skipTLSVerify: false }, user)
  return {
    applyAuthentication: async (_user, options) => {
      const filled = { headers: {} as Record<string, string> }
      await config.applyToHTTPSOptions(filled)
      const authorization = filled.headers['Authorization']
      if (authorization !== undefined) options.headers['Authorization'] = authorization
    },
  }
}

/** Gives an exec plugin what client-go gives it: which protocol to speak, and that nobody sits at a terminal. */
function withExecInfo(user: ConfiguredUser, cluster: Cluster): User {
  if (!user.exec) return user
  const exec = user.exec as { readonly apiVersion?: string; readonly env?: readonly unknown[]; readonly provideClusterInfo?: boolean }
  const info = {
    apiVersion: exec.apiVersion ?? 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      ...(exec.provideClusterInfo === true && {
        cluster: {
          server: cluster.server,
          'tls-server-name': cluster.tlsServerName,
          'insecure-skip-tls-verify': cluster.skipTLSVerify,
          'certificate-authority-data': cluster.caData,
          'proxy-url': cluster.proxyUrl,
        },
      }),
    },
  }
  return { ...user, exec: { ...exec, env: [...(exec.env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }] } }
}

/** A path of a kubeconfig file is relative to that file. */
export function absolutePath(folder: string, path: string | undefined): string | undefined {
  return path ? resolve(folder, path) : undefined
}
