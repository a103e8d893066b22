import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { binaryNames, ensureBinaries, isBinaryName, upBinaries } from './binaries.ts'
import { cleanCache } from './clean.ts'
import { clusterNames } from './cluster-record.ts'
import { currentProvider } from './current-provider.ts'
import { ClusterError, messageOf } from './errors.ts'
import { ensureImage, type ImageName } from './images.ts'
import { runCommand } from './command.ts'
import { kindProvider } from './kind-provider.ts'
import { localProvider } from './local-provider.ts'
import { productRecipe } from './images.ts'
import { createProgress, type Progress } from './progress.ts'
import { type Provider, type ProviderName, type ProviderOptions, PROVIDERS } from './provider.ts'
import { describeInstances, quickstart, quickstartSummary } from './quickstart.ts'
import { DEFAULT_ADDONS, openCluster, startCluster } from './start-cluster.ts'
import { type Addon, ADDONS } from './cluster-record.ts'
import { clusterTool } from './tools.ts'

/** What the program needs from the process around it. */
export interface ClusterProgramOptions {
  /** Takes a line of the result; progress and errors go to standard error. */
  readonly print: (line: string) => void
  readonly printError: (text: string) => void
  readonly signal: AbortSignal
  readonly progress?: Progress
}

interface NameFlag {
  readonly name: string
}

interface ProviderFlags extends NameFlag {
  readonly provider: ProviderName
  readonly nodes?: number
  readonly ingressPort?: number
  readonly registry?: string
}

const PROVIDER_OF: Readonly<Record<ProviderName, Provider>> = { local: localProvider, kind: kindProvider, current: currentProvider }
const IMAGES: readonly ImageName[] = ['base', 'node', 'postgres', 'mariadb']

function wholeNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('It is no whole number.')
  return Number(text)
}

function addonList(text: string): readonly Addon[] {
  const words = text.split(',').filter((word) => word !== '')
  const unknown = words.find((word) => !ADDONS.some((addon) => addon === word))
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no add-on ${unknown}: use any of ${ADDONS.join(',')}.`)
  return ADDONS.filter((addon) => words.includes(addon))
}

const nameOption = (): Option => new Option('--name <name>', 'name of the cluster').default('notejam')
const providerOption = (): Option =>
  new Option('--provider <provider>', 'local: made here; kind: by kind and Docker; current: the one of the kubeconfig in force')
    .choices(PROVIDERS)
    .env('CLUSTER')
    .default('local')
const nodesOption = (): Option => new Option('--nodes <count>', '1 to 3, each in a zone of its own').argParser(wholeNumber)
const portOption = (): Option => new Option('--ingress-port <port>', 'port on 127.0.0.1 for the Ingress controller').argParser(wholeNumber)
const registryOption = (): Option => new Option('--registry <host/path>', 'where images are pushed to, with --provider current')

/** Runs one command and gives the exit code: 0, 1 for what failed while running, 2 for wrong usage; an error is one line and its details. */
export async function runClusterProgram(words: readonly string[], options: ClusterProgramOptions): Promise<number> {
  try {
    await clusterProgram(options).parseAsync(words, { from: 'user' })
    return 0
  } catch (error) {
    // Commander has written its one line; help that was asked for is no error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    options.printError(messageOf(error))
    if (!(error instanceof ClusterError)) return 1
    if (error.details !== undefined) options.printError(error.details)
    return error.exitCode
  }
}

function clusterProgram(options: ClusterProgramOptions): Command {
  const { print, printError, signal, progress = createProgress() } = options
  const program = new Command('cluster')
  program.description('Real Kubernetes on this machine, for people and for tests.')
  // Before any command is added: they inherit it. One line says what is wrong; help is for who asks.
  program.exitOverride().showSuggestionAfterError(false)
  program.configureOutput({
    outputError: (text) => printError(`${text.trim().replaceAll(/\s*\n\s*/g, ' ')}; see --help`),
    writeErr: printError,
  })

  const providerOptions = (flags: ProviderFlags): ProviderOptions => ({
    name: flags.name,
    progress,
    ...(flags.nodes === undefined ? {} : { nodes: flags.nodes }),
    ...(flags.ingressPort === undefined ? {} : { ingressPort: flags.ingressPort }),
    ...(flags.registry === undefined ? {} : { registry: flags.registry }),
  })

  const onNode = (command: string, description: string, run: (flags: NameFlag, node: number) => Promise<string>): void => {
    program
      .command(`${command} <node>`)
      .description(description)
      .addOption(nameOption())
      .action(async (node: string, flags: NameFlag) => print(await run(flags, nodeNumber(node))))
  }

  program
    .command('up')
    .description('starts a cluster, or what has died of one, and waits until it is ready')
    .addOption(nameOption())
    .addOption(providerOption())
    .addOption(nodesOption())
    .addOption(portOption())
    .addOption(registryOption())
    .addOption(
      new Option('--addons <list>', 'local only: comma-separated').argParser(addonList).default(undefined, DEFAULT_ADDONS.join(',')),
    )
    .option('--fresh', 'local only: removes a cluster of that name first')
    .action(async (flags: ProviderFlags & { readonly addons?: readonly Addon[]; readonly fresh?: boolean }) => {
      const base = providerOptions(flags)
      if (flags.provider === 'local') {
        const cluster = await startCluster({
          ...base,
          ...(flags.addons === undefined ? {} : { addons: flags.addons }),
          fresh: flags.fresh ?? false,
        })
        await cluster.close()
        print(`export KUBECONFIG=${cluster.kubeconfig}`)
        return
      }
      const cluster = await PROVIDER_OF[flags.provider].up(base)
      await cluster.close()
      print(`export KUBECONFIG=${cluster.kubeconfig}`)
    })

  program
    .command('quickstart')
    .description('up, then the operator and a Notejam: ends with its address')
    .addOption(nameOption())
    .addOption(providerOption())
    .addOption(nodesOption())
    .addOption(portOption())
    .addOption(registryOption())
    .action(async (flags: ProviderFlags) => {
      const cluster = await PROVIDER_OF[flags.provider].up(providerOptions(flags))
      try {
        const { url, kubeconfig } = cluster
        if (url === undefined)
          throw new ClusterError(
            'Usage',
            'the quick start needs an Ingress controller whose address is known: with --provider current use helm and kubectl as docs/ says',
          )
        const [kubectl, helm] = [await clusterTool('kubectl', progress), await clusterTool('helm', progress)]
        const publish = async (workspace: 'app' | 'operator') => await cluster.publish(await productRecipe(workspace))
        await quickstart({ kubeconfig, kubectl, helm, url, publish }, { progress, signal })
        const instances = await runCommand(kubectl, ['--kubeconfig', kubeconfig, 'get', 'notejam', '--all-namespaces'])
        print(quickstartSummary({ kubeconfig, url, kubectl }, instances))
      } finally {
        await cluster.close()
      }
    })

  program
    .command('down')
    .description('removes a cluster and everything in it')
    .addOption(nameOption())
    .addOption(providerOption())
    .option('--all', 'local only: every cluster of this machine')
    .action(async (flags: ProviderFlags & { readonly all?: boolean }) => {
      const names = flags.all === true ? clusterNames() : [flags.name]
      for (const name of names) print(await PROVIDER_OF[flags.provider].down({ ...providerOptions(flags), name }))
    })

  program
    .command('status')
    .description('shows what runs; exit code 1 if it does not')
    .addOption(nameOption())
    .addOption(providerOption())
    .option('--all', 'local only: every cluster of this machine')
    .action(async (flags: ProviderFlags & { readonly all?: boolean }) => {
      if (flags.all !== true) {
        const provider = PROVIDER_OF[flags.provider]
        ;(await provider.status(providerOptions(flags))).forEach(print)
        const { kubeconfig, close } = await provider.open(providerOptions(flags))
        await close()
        return (await describeInstances({ kubeconfig, kubectl: await clusterTool('kubectl', progress) })).forEach(print)
      }
      const names = clusterNames()
      if (names.length === 0) print('no cluster')
      for (const name of names) {
        const lines = await localProvider.status({ name, progress }).catch((error: unknown) => [`cluster ${name}: ${messageOf(error)}`])
        lines.forEach(print)
      }
    })

  program
    .command('kubeconfig')
    .description("prints the path of the administrator's kubeconfig")
    .addOption(nameOption())
    .addOption(providerOption())
    .action(async (flags: ProviderFlags) => {
      const cluster = await PROVIDER_OF[flags.provider].open(providerOptions(flags))
      await cluster.close()
      print(cluster.kubeconfig)
    })

  program
    .command('load <image>')
    .description('brings an image of the Docker engine to where nodes find it, and prints its name for pods')
    .addOption(nameOption())
    .addOption(providerOption())
    .addOption(registryOption())
    .action(async (image: string, flags: ProviderFlags) => {
      const cluster = await PROVIDER_OF[flags.provider].open(providerOptions(flags))
      print(await cluster.load(image))
      await cluster.close()
    })

  onNode('stop-node', 'ends a node as a power cut does', async ({ name }, node) => {
    await (await openCluster(name, progress)).stopNode(node)
    return `node${node} of ${name} is off; Kubernetes takes about 50 s to call it NotReady`
  })
  onNode('start-node', 'starts a node that was stopped, and waits until it is Ready', async ({ name }, node) => {
    const cluster = await openCluster(name, progress)
    await cluster.startNode(node)
    await cluster.nodeReady(node)
    await cluster.close()
    return `node${node} of ${name} is Ready`
  })
  onNode('cut-node', 'cuts a node off the network; its pods go on', async ({ name }, node) => {
    ;(await openCluster(name, progress)).cutNode(node)
    return `node${node} of ${name} is cut off`
  })
  onNode('heal-node', 'puts the cable of a node back', async ({ name }, node) => {
    ;(await openCluster(name, progress)).healNode(node)
    return `node${node} of ${name} is on the network`
  })
  onNode('restart-kubelet', 'restarts the kubelet of a node; its pods go on', async ({ name }, node) => {
    await (await openCluster(name, progress)).restartKubelet(node)
    return `the kubelet of node${node} of ${name} was restarted`
  })

  program
    .command('logs [component]')
    .description('prints the log of a component, such as kube-apiserver, traefik or kubelet-node2; without one, their names')
    .addOption(nameOption())
    .action(async (component: string | undefined, { name }: NameFlag) => {
      const cluster = await openCluster(name, progress)
      if (component === undefined) for (const { name: known } of cluster.components) print(known)
      else print(readFileSync(cluster.component(component).logPath, 'utf8').trimEnd())
    })

  program
    .command('build [names...]')
    .description(`builds binaries into the cache; without names those of "up". Known: ${binaryNames.join(' ')}`)
    .action(async (names: readonly string[]) => {
      const unknown = names.find((word) => !isBinaryName(word))
      if (unknown !== undefined) throw new ClusterError('Usage', `no binary is called ${unknown}: give any of ${binaryNames.join(', ')}`)
      const wanted = names.length === 0 ? upBinaries : names.filter((word) => isBinaryName(word))
      const paths = await ensureBinaries(wanted, { progress, signal })
      for (const [binary, path] of Object.entries(paths)) print(`${binary}\t${path}`)
    })

  program
    .command('images [names...]')
    .description(`builds images; without names all. Known: ${IMAGES.join(' ')} app operator`)
    .action(async (names: readonly string[]) => {
      const known = [...IMAGES, 'app', 'operator'] as const
      const unknown = names.find((word) => !known.some((name) => name === word))
      if (unknown !== undefined) throw new ClusterError('Usage', `no image is called ${unknown}: give any of ${known.join(', ')}`)
      for (const name of known.filter((word) => names.length === 0 || names.includes(word))) {
        const recipe = name === 'app' || name === 'operator' ? await productRecipe(name) : name
        print(await ensureImage(recipe, { progress, signal }))
      }
    })

  program
    .command('clean')
    .description('removes all clusters that are not running, build output, test results and the cache')
    .action(async () => (await cleanCache(progress)).forEach(print))

  return program
}

function nodeNumber(text: string): number {
  if (/^(?:node)?[1-9]$/.test(text)) return Number(text.replace('node', ''))
  throw new ClusterError('Usage', `"${text}" is no node: give its number, such as 2`)
}
