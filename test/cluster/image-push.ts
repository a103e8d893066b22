import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'

import { request } from 'undici'

import type { DockerEngine } from './docker-engine.ts'
import { ClusterError } from './errors.ts'
import type { Registry } from './registry.ts'

/** An image in a registry, under the name by which a pod asks for it. */
export interface PushedImage {
  /** `host/repository@sha256:…` */
  readonly reference: string
  readonly digest: string
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json'
const configType = 'application/vnd.oci.image.config.v1+json'
// Not compressed: over one machine's loopback gzip costs more time than it spares, and the digest of a layer is then known beforehand.
const layerType = 'application/vnd.oci.image.layer.v1.tar'

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

const digestOf = (data: Uint8Array): string => `sha256:${createHash('sha256').update(data).digest('hex')}`

const failed = (what: string, status: number, answer: string): ClusterError =>
  new ClusterError('CommandFailed', `the registry refused ${what} (${status}): ${answer.slice(0, 200).replaceAll('\n', ' ')}`)

/** The digest under which a registry knows a tag; undefined when it does not. */
export async function findPushed(registry: Registry, repository: string, tag: string): Promise<PushedImage | undefined> {
  const response = await request(`http://${registry.address}/v2/${repository}/manifests/${tag}`, {
    method: 'HEAD',
    headers: { accept: manifestType },
  })
  await response.body.dump()
  if (response.statusCode === 404) return undefined
  const digest = response.headers['docker-content-digest']
  if (response.statusCode !== 200 || typeof digest !== 'string') throw failed(`to name ${repository}:${tag}`, response.statusCode, '')
  return { reference: `${registry.host}/${repository}@${digest}`, digest }
}

async function hasBlob(registry: Registry, repository: string, digest: string): Promise<boolean> {
  const response = await request(`http://${registry.address}/v2/${repository}/blobs/${digest}`, { method: 'HEAD' })
  await response.body.dump()
  return response.statusCode === 200
}

/** Uploads one blob in one piece (OCI Distribution Specification 1.1, "Pushing a blob monolithically"). */
async function putBlob(
  registry: Registry,
  repository: string,
  blob: Descriptor,
  body: () => Uint8Array | ReturnType<typeof createReadStream>,
): Promise<void> {
  if (await hasBlob(registry, repository, blob.digest)) return
  const started = await request(`http://${registry.address}/v2/${repository}/blobs/uploads/`, { method: 'POST' })
  const location = started.headers['location']
  if (started.statusCode !== 202 || typeof location !== 'string')
    throw failed(`an upload to ${repository}`, started.statusCode, await started.body.text())
  await started.body.dump()
  const url = new URL(location, `http://${registry.address}`)
  // Its own idea of its address may be one that only nodes can reach.
  url.host = registry.address
  url.searchParams.set('digest', blob.digest)
  const stored = await request(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) },
    body: body(),
    headersTimeout: 600_000,
    bodyTimeout: 600_000,
  })
  const answer = await stored.body.text()
  if (stored.statusCode !== 201) throw failed(`a layer of ${repository}`, stored.statusCode, answer)
}

async function unpack(engine: DockerEngine, image: string, folder: string, signal: AbortSignal | undefined): Promise<void> {
  // Asked for first: an image that is not there must not leave a tar that waits for it.
  const archive = await engine.save(image, signal)
  const child = spawn('tar', ['-xf', '-', '-C', folder], { stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = once(child, 'close')
  // tar ends at the end mark of the archive, whatever padding still follows it: that is no error of the stream.
  const [streamed] = await Promise.allSettled([pipeline(archive, child.stdin), ended])
  signal?.throwIfAborted()
  if (child.exitCode === 0) return
  const cause = streamed.status === 'rejected' ? streamed.reason : undefined
  throw new ClusterError('CommandFailed', `tar could not unpack the image ${image} into ${folder}: see above`, { cause })
}

/** What `docker save` says about one image, in the file `manifest.json`. */
interface SavedImage {
  readonly Config: string
  readonly Layers: readonly string[]
}

/**
 * Brings an image from the engine to a registry under a tag, and returns its digest. It does not go through `docker push`, so that the
 * engine need not reach the registry, nor be told that it speaks plain HTTP.
 *
 * @throws {ClusterError} `CommandFailed` when the engine has no such image or the registry refuses it.
 */
export async function pushImage(
  engine: DockerEngine,
  image: string,
  registry: Registry,
  target: { readonly repository: string; readonly tag: string; readonly signal?: AbortSignal | undefined },
): Promise<PushedImage> {
  const { repository, tag } = target
  const folder = await mkdtemp(path.join(tmpdir(), 'notejam-image-'))
  try {
    await unpack(engine, image, folder, target.signal)
    const saved = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8')) as readonly SavedImage[]
    const [content] = saved
    if (content === undefined) throw new ClusterError('CommandFailed', `the engine saved nothing for ${image}`)
    const configData = await readFile(path.join(folder, content.Config))
    const { rootfs } = JSON.parse(configData.toString()) as { readonly rootfs: { readonly diff_ids: readonly string[] } }

    const layers: Descriptor[] = []
    for (const [index, file] of content.Layers.entries()) {
      const at = path.join(folder, file)
      const digest = rootfs.diff_ids[index]
      if (digest === undefined) throw new ClusterError('CommandFailed', `the image ${image} has more layers than its configuration names`)
      const layer = { mediaType: layerType, digest, size: (await stat(at)).size }
      await putBlob(registry, repository, layer, () => createReadStream(at))
      layers.push(layer)
    }
    const config = { mediaType: configType, digest: digestOf(configData), size: configData.length }
    await putBlob(registry, repository, config, () => configData)

    const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers }))
    const digest = digestOf(manifest)
    const stored = await request(`http://${registry.address}/v2/${repository}/manifests/${tag}`, {
      method: 'PUT',
      headers: { 'content-type': manifestType },
      body: manifest,
    })
    const answer = await stored.body.text()
    if (stored.statusCode !== 201) throw failed(`the manifest of ${repository}:${tag}`, stored.statusCode, answer)
    return { reference: `${registry.host}/${repository}@${digest}`, digest }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
