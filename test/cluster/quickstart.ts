import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { request } from 'undici'
import { runCommand } from './command.ts'
import { findCommand } from './debian.ts'
import { ClusterError } from './errors.ts'
import type { PushedImage } from './image-push.ts'
import { installOperator, OPERATOR_NAMESPACE, OPERATOR_RELEASE } from './operator-install.ts'
import type { Progress } from './progress.ts'
import { waitFor } from './wait-for.ts'

const exampleFile = fileURLToPath(new URL('../../examples/quickstart.yaml', import.meta.url))
const exampleImage = 'registry.notejam.local/notejam-app:dev'
const exampleUrl = 'http://localhost:8080'

/** A cluster that runs, and how images and people get into it. */
export interface QuickstartTarget {
  readonly kubeconfig: string
  readonly kubectl: string
  readonly helm: string
  /** Address at which the ingress controller answers on this machine. */
  readonly url: string
  /** Builds an image where it is missing and brings it to where the cluster's nodes find it. */
  publish(workspace: 'app' | 'operator'): Promise<PushedImage>
}

/** How the quick start is run. */
export interface QuickstartOptions {
  readonly progress: Progress
  readonly signal?: AbortSignal | undefined
}

/**
 * The example of the README with the image and the address of a cluster put in.
 *
 * @throws {ClusterError} `Usage` when the example no longer names what is to be replaced.
 */
export function renderExample(example: string, values: { readonly image: string; readonly url: string }): string {
  for (const expected of [exampleImage, exampleUrl]) {
    if (!example.includes(expected))
      throw new ClusterError('Usage', `examples/quickstart.yaml does not name ${expected} any more: correct test/cluster/quickstart.ts`)
  }
  return example.replaceAll(exampleImage, values.image).replaceAll(exampleUrl, values.url)
}

/** Installs the operator, applies the example, and returns when a browser would see Notejam at the address. */
export async function quickstart(target: QuickstartTarget, options: QuickstartOptions): Promise<void> {
  const { progress, signal } = options
  const [operator, app] = [await target.publish('operator'), await target.publish('app')]
  const kubectl = async (args: readonly string[], input?: string): Promise<string> =>
    await runCommand(target.kubectl, [`--kubeconfig=${target.kubeconfig}`, ...args], { signal, ...(input === undefined ? {} : { input }) })
  await progress.step(`operator: helm upgrade --install into ${OPERATOR_NAMESPACE}`, async () => {
    await installOperator({ kubeconfig: target.kubeconfig, helm: target.helm, image: operator, signal })
  })
  const manifest = renderExample(await readFile(exampleFile, 'utf8'), { image: app.reference, url: target.url })
  await progress.step('instance notes: migrated, rolled out, ready', async () => {
    await kubectl(['apply', '--server-side', '--field-manager=quickstart', '--force-conflicts', '-f', '-'], manifest)
    await kubectl(['--namespace=notejam', 'wait', '--for=condition=Ready', 'nj/notes', '--timeout=4m'])
  })
  await progress.step(`${target.url} answers`, async () => {
    await waitFor(async () => (await answerOf(`${target.url}/signin/`)) === 200, {
      what: `an answer of the app at ${target.url}`,
      timeoutMs: 60_000,
      ...(signal === undefined ? {} : { signal }),
    })
  })
}

async function answerOf(url: string): Promise<number> {
  const response = await request(url, { signal: AbortSignal.timeout(5_000) })
  await response.body.dump()
  return response.statusCode
}

function fromHome(path: string): string {
  const home = homedir()
  return path.startsWith(`${home}/`) ? `$HOME${path.slice(home.length)}` : path
}

/** What a person reads at the end of `make up`. */
export function quickstartSummary(target: Pick<QuickstartTarget, 'kubeconfig' | 'url' | 'kubectl'>, instances: string): string {
  const kubectl = findCommand('kubectl') === undefined ? fromHome(target.kubectl) : 'kubectl'
  return `
Notejam is at ${target.url}: open it and choose "Sign up".

${instances.trimEnd()}

  export KUBECONFIG=${fromHome(target.kubeconfig)}
  ${kubectl} get notejam --all-namespaces
  make status     what runs
  make down       stops everything; \`make up\` starts it again with new data
`
}

/** The operator and the instances of a cluster, as lines for a person. */
export async function describeInstances(target: Pick<QuickstartTarget, 'kubeconfig' | 'kubectl'>): Promise<readonly string[]> {
  const get = async (...args: readonly string[]): Promise<string> =>
    (await runCommand(target.kubectl, [`--kubeconfig=${target.kubeconfig}`, 'get', '--ignore-not-found', ...args])).trimEnd()
  const ready = 'jsonpath={.status.readyReplicas} of {.spec.replicas} ready, {.spec.template.spec.containers[0].image}'
  const operator = await get('deployment', OPERATOR_RELEASE, `--namespace=${OPERATOR_NAMESPACE}`, '-o', ready)
  if (operator === '') return ['  operator  not installed']
  const instances = await get('notejam', '--all-namespaces')
  return [
    `  operator  ${operator.startsWith(' ') ? '0' : ''}${operator}`,
    '',
    ...(instances === '' ? ['no instance'] : instances.split('\n')),
  ]
}
