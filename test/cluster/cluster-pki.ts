import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kubeconfig } from './kubeconfig.ts'
import { Authority, createSigningKey, type KeyPair, type Subject } from './pki.ts'

/** What the certificates of a control plane are made for. */
export interface ClusterPkiOptions {
  readonly folder: string
  /** Name of the cluster in kubeconfig files. */
  readonly cluster: string
  /** URL of the API server. */
  readonly server: string
  /** Names and addresses that the API server is called by, beside those that every cluster has. */
  readonly serverNames: readonly string[]
}

/** Keys, certificates and kubeconfig files of one cluster, kept in `folder/pki`; what is there already is used again. */
export class ClusterPki {
  readonly #options: ClusterPkiOptions
  readonly #authority: Authority
  readonly #folder: string

  private constructor(options: ClusterPkiOptions, folder: string, authority: Authority) {
    this.#options = options
    this.#folder = folder
    this.#authority = authority
  }

  /** Loads what the folder has, or makes all of it (10 ms). */
  static open(options: ClusterPkiOptions): ClusterPki {
    const folder = join(options.folder, 'pki')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const [cert, key] = [join(folder, 'ca.crt'), join(folder, 'ca.key')]
    if (existsSync(join(folder, 'complete'))) {
      return new ClusterPki(options, folder, Authority.load({ cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }))
    }
    const pki = new ClusterPki(options, folder, Authority.create(`notejam-${options.cluster}`))
    pki.#write('ca', { cert: pki.#authority.cert, key: pki.#authority.key })
    pki.#createControlPlane()
    // Written last: without it everything is made again, as a run that was killed here left a part only.
    writeFileSync(join(folder, 'complete'), '')
    return pki
  }

  /** PEM of the cluster's authority. */
  get authority(): string {
    return this.#authority.cert
  }

  /** Path of the administrator's kubeconfig (group `system:masters`). */
  get adminKubeconfig(): string {
    return join(this.#folder, 'admin.conf')
  }

  /** Path of a file in the PKI folder. */
  path(file: string): string {
    return join(this.#folder, file)
  }

  /** Issues a certificate and writes it as `<file>.crt` and `<file>.key`. */
  issue(file: string, subject: Subject): KeyPair {
    const pair = this.#authority.issue(subject)
    this.#write(file, pair)
    return pair
  }

  /** Issues a client certificate and writes the kubeconfig `<file>.conf` with it; gives its path. */
  user(file: string, user: string, groups: readonly string[] = [], namespace?: string): string {
    const client = this.#authority.issue({ commonName: user, organizations: groups, usages: ['client'] })
    return this.#writeKubeconfig(file, user, client, namespace)
  }

  /** Writes a kubeconfig for a certificate that was issued before; gives its path. */
  kubeconfigFor(file: string, user: string, client: KeyPair): string {
    return this.#writeKubeconfig(file, user, client)
  }

  #createControlPlane(): void {
    const names = [
      'localhost',
      '127.0.0.1',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      '10.96.0.1',
    ]
    this.issue('apiserver', {
      commonName: 'kube-apiserver',
      usages: ['server'],
      names: [...new Set([...names, ...this.#options.serverNames])],
    })
    this.issue('to-kubelet', { commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters'], usages: ['client'] })
    this.issue('front-proxy', { commonName: 'front-proxy-client', usages: ['client'] })
    const signing = createSigningKey()
    writeFileSync(this.path('service-account.pub'), signing.publicKey)
    writeFileSync(this.path('service-account.key'), signing.privateKey, { mode: 0o600 })
    this.user('admin', 'admin', ['system:masters'])
    this.user('controller-manager', 'system:kube-controller-manager')
    this.user('scheduler', 'system:kube-scheduler')
    this.user('proxy', 'system:kube-proxy')
  }

  #write(file: string, pair: KeyPair): void {
    writeFileSync(this.path(`${file}.crt`), pair.cert)
    writeFileSync(this.path(`${file}.key`), pair.key, { mode: 0o600 })
  }

  #writeKubeconfig(file: string, user: string, client: KeyPair, namespace?: string): string {
    const { cluster, server } = this.#options
    const path = this.path(`${file}.conf`)
    const text = kubeconfig({
      cluster: `notejam-${cluster}`,
      user,
      server,
      authority: this.authority,
      client,
      ...(namespace === undefined ? {} : { namespace }),
    })
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
}
