import { createHash } from 'node:crypto'
import { appendFile, readFile, readdir, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { cached, cacheRoot, findCached } from './cache.ts'
import { goBuild } from './go-build.ts'
import { ensureGo } from './go-toolchain.ts'
import type { GoToolchain } from './go-toolchain.ts'
import type { Progress } from './progress.ts'

interface Recipe {
  /** Version of the product; the exact modules are in `go/<name>/go.mod` and `go.sum`. */
  readonly version: string
  readonly package: string
  readonly ldflags?: readonly string[]
  /** Names that the one binary is called by. */
  readonly links?: readonly string[]
}

const components = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'kubectl'] as const

/** A command inside the one Kubernetes binary, picked by the name that it is called by. */
export type KubernetesComponent = (typeof components)[number]

// 1.34 is the newest line that takes cgroup v1 by default, and containerd 1.6.
const kubernetesVersion = '1.34.4'

const stamp = (name: string, value: string): string => `-X k8s.io/component-base/version.${name}=${value}`

const recipes = {
  etcd: { version: '3.6.16', package: 'go.etcd.io/etcd/server/v3' },
  kubernetes: {
    version: kubernetesVersion,
    package: '.',
    ldflags: [
      stamp('gitVersion', `v${kubernetesVersion}`),
      stamp('gitMajor', '1'),
      stamp('gitMinor', '34'),
      stamp('gitTreeState', 'clean'),
    ],
    links: components,
  },
  pause: { version: '1', package: '.' },
  registry: { version: '3.1.2', package: 'github.com/distribution/distribution/v3/cmd/registry' },
  coredns: { version: '1.15.0', package: 'github.com/coredns/coredns' },
  'local-path-provisioner': { version: '0.0.30', package: 'github.com/rancher/local-path-provisioner' },
  helm: { version: '4.3.1', package: 'helm.sh/helm/v4/cmd/helm' },
  traefik: {
    version: '3.6.12',
    package: 'github.com/traefik/traefik/v3/cmd/traefik',
    ldflags: ['-X github.com/traefik/traefik/v3/pkg/version.Version=3.6.12'],
  },
  'metrics-server': { version: '0.9.0', package: 'sigs.k8s.io/metrics-server/cmd/metrics-server' },
  kwok: { version: '0.8.0', package: 'sigs.k8s.io/kwok/cmd/kwok' },
  versitygw: { version: '1.8.0', package: 'github.com/versity/versitygw/cmd/versitygw' },
  cyclonus: { version: '0.5.6', package: 'github.com/mattfenwick/cyclonus/cmd/cyclonus' },
  crane: { version: '0.22.1', package: 'github.com/google/go-containerregistry/cmd/crane' },
  kubeconform: { version: '0.8.0', package: 'github.com/yannh/kubeconform/cmd/kubeconform' },
  age: { version: '1.3.2', package: 'filippo.io/age/cmd/age', ldflags: ['-X main.Version=v1.3.2'] },
  'age-keygen': { version: '1.3.2', package: 'filippo.io/age/cmd/age-keygen', ldflags: ['-X main.Version=v1.3.2'] },
} as const satisfies Readonly<Record<string, Recipe>>

type Buildable = keyof typeof recipes

/** What {@link ensureBinaries} can bring. `kubectl` is a name of the Kubernetes binary: asking for one brings the other. */
export type BinaryName = Buildable | 'kubectl'

const buildableOf = (name: BinaryName): Buildable => (name === 'kubectl' ? 'kubernetes' : name)

/** Every name that {@link ensureBinaries} takes, in the order in which they are best built: what others wait for comes first. */
export const binaryNames: readonly BinaryName[] = [...(Object.keys(recipes) as Buildable[]), 'kubectl']

/** What `make up` needs, smallest waiting first. */
export const upBinaries = [
  'etcd',
  'kubernetes',
  'pause',
  'registry',
  'coredns',
  'local-path-provisioner',
  'helm',
  'traefik',
  'kubectl',
] as const

/** Versions as they are shown to people and written into labels. */
export function binaryVersion(name: BinaryName): string {
  return recipes[buildableOf(name)].version
}

/** The path of one Kubernetes component, given the path of the binary that {@link ensureBinaries} returned for `kubernetes`. */
export function kubernetesComponent(kubernetes: string, component: KubernetesComponent): string {
  return path.join(path.dirname(kubernetes), component)
}

/** How binaries are brought. */
export interface EnsureBinariesOptions {
  readonly progress: Progress
  readonly signal?: AbortSignal | undefined
  /** Default: {@link cacheRoot}. */
  readonly root?: string
}

const moduleFolder = (name: Buildable): string => fileURLToPath(new URL(`go/${name}`, import.meta.url))

async function entryVersion(name: Buildable): Promise<string> {
  const recipe: Recipe = recipes[name]
  const hash = createHash('sha256').update(JSON.stringify([recipe, process.arch]))
  for (const file of (await readdir(moduleFolder(name))).toSorted()) {
    hash.update(file).update(await readFile(path.join(moduleFolder(name), file)))
  }
  return `${recipe.version}-${hash.digest('hex').slice(0, 10)}`
}

async function build(
  name: Buildable,
  version: string,
  root: string,
  findTool: () => Promise<GoToolchain>,
  options: EnsureBinariesOptions,
): Promise<string> {
  const recipe: Recipe = recipes[name]
  return await options.progress.step(`${name} ${recipe.version}: build from its Go modules`, async (step) => {
    const started = new Date()
    const folder = await cached({
      name,
      version,
      root,
      signal: options.signal,
      onWait: (holder) => step.note(`waiting for process ${holder}, which builds it`),
      onDamaged: (file) => options.progress.info(`${file} is not what was built: building it again`),
      async build(partial) {
        const go = await findTool()
        await goBuild(go, {
          module: moduleFolder(name),
          package: recipe.package,
          output: path.join(partial, name),
          ldflags: recipe.ldflags ?? [],
          signal: options.signal,
          note: (detail) => step.note(detail),
        })
        for (const link of recipe.links ?? []) await symlink(name, path.join(partial, link))
        const record = {
          name,
          version: recipe.version,
          go: go.version,
          started: started.toISOString(),
          seconds: Math.round((Date.now() - started.getTime()) / 100) / 10,
          bytes: (await stat(path.join(partial, name))).size,
        }
        await appendFile(path.join(root, 'builds.jsonl'), `${JSON.stringify(record)}\n`)
      },
    })
    return folder
  })
}

/**
 * Brings binaries, from the cache or by building them, one after the other: Go keeps every core busy with one build. Returns their absolute
 * paths. Says nothing when all are cached.
 *
 * @throws {ClusterError} `MissingPrerequisite` without Go or disk space, `CacheUnusable` when the cache cannot be written, `CommandFailed`
 * when a build fails.
 */
export async function ensureBinaries<Name extends BinaryName>(
  names: readonly Name[],
  options: EnsureBinariesOptions,
): Promise<Readonly<Record<Name, string>>> {
  const root = options.root ?? cacheRoot()
  const wanted = new Set(names.map((name) => buildableOf(name)))
  const folders = new Map<Buildable, string>()
  let toolchain: Promise<GoToolchain> | undefined
  const findTool = async (): Promise<GoToolchain> => await (toolchain ??= ensureGo(options))

  for (const name of wanted) {
    const version = await entryVersion(name)
    const present = await findCached({ name, version, root })
    folders.set(name, present ?? (await build(name, version, root, findTool, options)))
  }
  const entries = names.map((name): [Name, string] => {
    return [name, path.join(folders.get(buildableOf(name)) ?? '', name)]
  })
  return Object.fromEntries(entries) as Record<Name, string>
}

/** Whether a word from a command line is one of {@link binaryNames}. */
export function isBinaryName(word: string): word is BinaryName {
  return binaryNames.some((name) => name === word)
}
