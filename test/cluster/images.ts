import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { cached } from './cache.ts'
import { withLock } from './cache-lock.ts'
import { runCommand } from './command.ts'
import { acquireDocker } from './docker.ts'
import type { DockerLease } from './docker.ts'
import type { DockerEngine } from './docker-engine.ts'
import { baseRecipe, baseRootfs } from './image-base.ts'
import { contentKey, packContext } from './image-context.ts'
import type { ContextEntries } from './image-context.ts'
import { findPushed, pushImage } from './image-push.ts'
import type { PushedImage } from './image-push.ts'
import type { Progress } from './progress.ts'
import type { Registry } from './registry.ts'

/** How images are made; an engine that the caller has is used, else one is found or started and given back. */
export interface ImageOptions {
  readonly progress: Progress
  readonly signal?: AbortSignal | undefined
  readonly docker?: DockerLease
}

/** What an image is made from. Its key names the content: the same key is the same image, and is never built twice. */
export interface ImageRecipe {
  /** Repository in a registry, and last part of the local name. */
  readonly name: string
  readonly key: string
  /** The image that it is built on, if it is one of ours. */
  readonly on?: ImageRecipe
  readonly build: (engine: DockerEngine, tag: string, options: ImageOptions & { readonly note: (detail: string) => void }) => Promise<void>
}

/** Images that stand in for public ones. */
export type ImageName = 'base' | 'node' | 'postgres' | 'mariadb'

const imagesFolder = fileURLToPath(new URL('images', import.meta.url))

/** The name of an image in the engine. */
export const localTag = (recipe: Pick<ImageRecipe, 'name' | 'key'>): string => `notejam.local/${recipe.name}:${recipe.key}`

async function pinnedNodeVersion(): Promise<string> {
  const script = await readFile(fileURLToPath(new URL('node.sh', import.meta.url)), 'utf8')
  return /^NODE_VERSION=(?<version>\S+)$/mu.exec(script)?.groups?.['version'] ?? process.versions.node
}

/** Node 26 comes with this line of npm; the newest of it reads every field of .npmrc here. */
const npmVersion = '11.21.2'

async function npmPackage(name: string, version: string, signal: AbortSignal | undefined): Promise<string> {
  return await cached({
    name: `npm-${name}`,
    version,
    signal,
    async build(folder) {
      const scratch = await mkdtemp(path.join(tmpdir(), 'notejam-npm-'))
      try {
        const archive = (await runCommand('npm', ['pack', '--silent', `${name}@${version}`], { cwd: scratch, signal })).trim()
        await runCommand('tar', ['-xzf', path.join(scratch, archive), '-C', folder, '--strip-components=1'], { signal })
      } finally {
        await rm(scratch, { recursive: true, force: true })
      }
    },
  })
}

async function baseImage(): Promise<ImageRecipe> {
  const key = await contentKey({ texts: [JSON.stringify(baseRecipe), process.arch] })
  return {
    name: 'base',
    key,
    async build(engine, tag, options) {
      const searchPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
      await engine.importImage(await baseRootfs({ ...options, key }), tag, [`ENV ${searchPath}`, 'CMD ["/bin/bash"]'], options.signal)
    },
  }
}

/** An image from a Dockerfile that begins with `ARG BASE` and `FROM ${BASE}`. */
interface OnBase {
  readonly name: string
  readonly on: ImageRecipe
  /** The text of the Dockerfile. */
  readonly dockerfile: string
  /** Hashes whatever `entries` will hold. */
  readonly key: string
  readonly entries: (options: ImageOptions) => Promise<ContextEntries>
  readonly buildArgs?: Readonly<Record<string, string>>
}

async function onBase(image: OnBase): Promise<ImageRecipe> {
  const buildArgs = image.buildArgs ?? {}
  return {
    name: image.name,
    on: image.on,
    key: await contentKey({ texts: [image.on.key, image.dockerfile, image.key, JSON.stringify(buildArgs)] }),
    async build(engine, tag, options) {
      const base = await realize(image.on, engine, options)
      const context = await packContext({ ...(await image.entries(options)), Dockerfile: { text: image.dockerfile } })
      await engine.build({
        context: context.stream,
        dockerfile: 'Dockerfile',
        tag,
        buildArgs: { ...buildArgs, BASE: base },
        signal: options.signal,
        note: options.note,
      })
      await context.done
    },
  }
}

async function folderImage(name: ImageName, extra?: { readonly key: string; readonly entries: OnBase['entries'] }): Promise<ImageRecipe> {
  const folder = path.join(imagesFolder, name)
  return await onBase({
    name,
    on: await baseImage(),
    dockerfile: await readFile(path.join(folder, 'Dockerfile'), 'utf8'),
    key: `${await contentKey({ paths: [folder] })}${extra?.key ?? ''}`,
    entries: async (options) => ({
      ...(extra === undefined ? { 'entrypoint.sh': { path: path.join(folder, 'entrypoint.sh') } } : await extra.entries(options)),
    }),
  })
}

/** The recipe of an image that stands in for a public one. */
export async function imageRecipe(name: ImageName): Promise<ImageRecipe> {
  if (name === 'base') return await baseImage()
  if (name !== 'node') return await folderImage(name)
  const version = await pinnedNodeVersion()
  const trusted = await readFile('/etc/ssl/certs/ca-certificates.crt', 'utf8').catch(() => '')
  return await folderImage('node', {
    key: await contentKey({ texts: [version, npmVersion, trusted] }),
    entries: async ({ signal }) => ({
      'node/bin/node': { path: path.join(await npmPackage(`node-linux-${process.arch}`, version, signal), 'bin/node') },
      'machine-ca.crt': { text: trusted },
      npm: { path: await npmPackage('npm', npmVersion, signal) },
    }),
  })
}

/** An image like another one, but for some instructions: a new release, a broken one, a server with other settings. */
export async function variantRecipe(variant: {
  readonly name: string
  readonly of: ImageRecipe
  /** What follows `FROM`. */
  readonly instructions: string
  readonly files?: Readonly<Record<string, string>>
}): Promise<ImageRecipe> {
  const files = variant.files ?? {}
  return await onBase({
    name: variant.name,
    on: variant.of,
    dockerfile: `ARG BASE\nFROM \${BASE}\n${variant.instructions}\n`,
    key: JSON.stringify(files),
    entries: async () => Object.fromEntries(Object.entries(files).map(([name, text]) => [name, { text }])),
  })
}

/** Which code an image holds, and how it gets there. */
export interface ProductImage {
  /** What the label `org.opencontainers.image.version` says; default: that of package.json. Another version is another image. */
  readonly version?: string
  /** The tree to build from; default: this one. */
  readonly source?: string
  /** `prebuilt` (default) bundles on this machine in a second; `source` lets the Dockerfile do it, with the npm registry, as the public does. */
  readonly bundle?: 'prebuilt' | 'source'
}

const repository = fileURLToPath(new URL('../..', import.meta.url))

async function bundle(workspace: 'app' | 'operator', source: string, key: string, options: ImageOptions): Promise<string> {
  return await cached({
    name: `bundle-${workspace}`,
    version: key,
    signal: options.signal,
    async build(folder) {
      // Two bundlers would write into one `dist`.
      await withLock(path.join(source, workspace, 'dist'), { signal: options.signal }, async () => {
        const output = path.join(source, workspace, 'dist')
        await rm(output, { recursive: true, force: true })
        await runCommand(process.execPath, [path.join(source, 'node_modules/rolldown/bin/cli.mjs'), '-c', 'rolldown.config.ts'], {
          cwd: path.join(source, workspace),
          signal: options.signal,
        })
        await mkdir(folder, { recursive: true })
        await runCommand('cp', ['-R', '--no-preserve=mode,ownership', `${output}/.`, folder])
      })
    },
  })
}

/** The recipe of the app's or the operator's image, from its Dockerfile and local base images. */
export async function productRecipe(workspace: 'app' | 'operator', product: ProductImage = {}): Promise<ImageRecipe> {
  const source = product.source ?? repository
  const dockerfile = path.join(source, `Dockerfile.${workspace}`)
  const shared = ['package.json', 'package-lock.json', '.npmrc', 'app/package.json', 'operator/package.json']
  const how = product.bundle ?? 'prebuilt'
  const code = await contentKey({
    paths: [...shared, 'tsconfig.json', workspace].map((name) => path.join(source, name)),
    skip: ['dist', 'test-results'],
  })
  const [base, node] = [await imageRecipe('base'), await imageRecipe('node')]
  const { version } = JSON.parse(await readFile(path.join(source, 'package.json'), 'utf8')) as { readonly version: string }
  const buildArgs = { VERSION: product.version ?? version, REVISION: `content-${code}`, BUNDLE: how }
  return {
    name: workspace === 'app' ? 'notejam' : 'notejam-operator',
    key: await contentKey({ texts: [code, base.key, node.key, JSON.stringify(buildArgs)], paths: [dockerfile] }),
    async build(engine, tag, options) {
      const entries: Record<string, { readonly path: string }> = { Dockerfile: { path: dockerfile } }
      for (const name of shared) entries[name] = { path: path.join(source, name) }
      if (how === 'source') {
        delete entries[`${workspace}/package.json`]
        entries[workspace] = { path: path.join(source, workspace) }
      } else {
        options.note('bundling')
        entries[`${workspace}/dist`] = { path: await bundle(workspace, source, code, options) }
      }
      const images = { DEBIAN_IMAGE: await realize(base, engine, options), NODE_IMAGE: await realize(node, engine, options) }
      const context = await packContext(entries, ['node_modules', '*.test.ts'])
      await engine.build({
        context: context.stream,
        dockerfile: 'Dockerfile',
        tag,
        buildArgs: { ...buildArgs, ...images },
        signal: options.signal,
        note: options.note,
      })
      await context.done
    },
  }
}

/** Every change of the code is one more image: the oldest go, so that a year of work does not fill the disk. */
const keptImages = 20

async function removeOld(engine: DockerEngine, recipe: ImageRecipe): Promise<void> {
  const images = await engine.listImages(`notejam.local/${recipe.name}`)
  // What it stands on may be the oldest of all, and is wanted for the next variant.
  const wanted = new Set([recipe, recipe.on].flatMap((each) => (each === undefined ? [] : [localTag(each)])))
  const others = images.filter(({ tag }) => !wanted.has(tag))
  const old = others.toSorted((a, b) => b.created - a.created).slice(keptImages - (images.length - others.length))
  for (const image of old) await engine.untag(image.tag)
}

async function realize(recipe: ImageRecipe, engine: DockerEngine, options: ImageOptions): Promise<string> {
  const tag = localTag(recipe)
  if ((await engine.inspectImage(tag)) !== undefined) return tag
  return await withLock(`image ${tag}`, { signal: options.signal }, async () => {
    if ((await engine.inspectImage(tag)) !== undefined) return tag
    await options.progress.step(`image ${recipe.name}: build`, async (step) => {
      await recipe.build(engine, tag, { ...options, note: (detail) => step.note(detail) })
      await removeOld(engine, recipe)
    })
    return tag
  })
}

async function withEngine<T>(options: ImageOptions, work: (engine: DockerEngine) => Promise<T>): Promise<T> {
  if (options.docker !== undefined) return await work(options.docker.engine)
  await using lease = await acquireDocker(options)
  return await work(lease.engine)
}

/** Brings an image into the engine, building it and what it stands on where they are missing; returns its local name. */
export async function ensureImage(image: ImageName | ImageRecipe, options: ImageOptions): Promise<string> {
  const recipe = typeof image === 'string' ? await imageRecipe(image) : image
  return await withEngine(options, async (engine) => await realize(recipe, engine, options))
}

/**
 * Brings an image into a registry and returns the name by which pods run it. No engine is needed, nor started, when the registry has it.
 *
 * @example
 * const { reference } = await publishImage(await productRecipe('app'), registry, { progress })
 */
export async function publishImage(image: ImageName | ImageRecipe, registry: Registry, options: ImageOptions): Promise<PushedImage> {
  const recipe = typeof image === 'string' ? await imageRecipe(image) : image
  const present = await findPushed(registry, recipe.name, recipe.key)
  if (present !== undefined) return present
  return await withEngine(options, async (engine) => {
    const tag = await realize(recipe, engine, options)
    return await options.progress.step(`image ${recipe.name}: push`, async () => {
      return await pushImage(engine, tag, registry, { repository: recipe.name, tag: recipe.key, signal: options.signal })
    })
  })
}

/** Pushes an image that the engine has under any name, as `load IMAGE` does; its tag in the registry is that of the name. */
export async function publishLocalImage(name: string, registry: Registry, options: ImageOptions): Promise<PushedImage> {
  const [repositoryName = name, tag = 'latest'] = name.split(/:(?=[^/]*$)/u)
  const target = repositoryName.split('/').findLast((part) => part !== '') ?? repositoryName
  return await withEngine(
    options,
    async (engine) =>
      await options.progress.step(
        `image ${name}: push`,
        async () => await pushImage(engine, name, registry, { repository: target, tag, signal: options.signal }),
      ),
  )
}
