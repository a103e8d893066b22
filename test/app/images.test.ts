import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { ensureBinaries } from '../cluster/binaries.ts'
import { runCommand } from '../cluster/command.ts'
import { Component } from '../cluster/component.ts'
import { acquireDocker } from '../cluster/docker.ts'
import type { DockerLease } from '../cluster/docker.ts'
import { ensureImage, imageRecipe, productRecipe, publishImage, variantRecipe } from '../cluster/images.ts'
import { createProgress, silentProgress } from '../cluster/progress.ts'
import { registryComponent, registryReady } from '../cluster/registry.ts'

const progress = createProgress()
let docker: DockerLease

beforeAll(async () => {
  docker = await acquireDocker({ progress })
})
afterAll(async () => {
  await docker.release()
})

/** Names of all files in an image. */
async function filesOf(image: string): Promise<readonly string[]> {
  const { tar, remove } = await docker.engine.exportImage(image)
  const packed = Buffer.concat((await tar.toArray()) as Buffer[])
  await remove()
  return (await runCommand('tar', ['-tf', '-'], { input: packed })).trim().split('\n')
}

const products = [
  {
    workspace: 'app',
    title: 'Notejam',
    programs: ['psql', 'pg_dump', 'pg_restore', 'mariadb', 'mariadb-dump', 'age', 'zstd'],
    megabytes: 230,
  },
  { workspace: 'operator', title: 'Notejam operator', programs: [], megabytes: 190 },
] as const

describe.each(products)('the image of the $workspace', ({ workspace, title, programs, megabytes }) => {
  let image: string
  beforeAll(async () => {
    image = await ensureImage(await productRecipe(workspace), { progress, docker })
  })

  test('says what it is, runs as a number that is not root, and is not larger than it was', async () => {
    const details = await docker.engine.inspectImage(image)

    expect(details?.Config.User).toBe('65532:65532')
    expect(details?.Config.Labels).toMatchObject({
      'org.opencontainers.image.title': title,
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
      'org.opencontainers.image.revision': expect.stringMatching(/./) as string,
    })
    expect((details?.Size ?? 0) / 2 ** 20).toBeLessThan(megabytes)
  })

  test('holds no shell, no package manager, no packages to develop with, and no file that lends rights', async () => {
    const files = await filesOf(image)

    const unwanted =
      /(?:^|\/)(?:sh|bash|dash|busybox|apt|apt-get|dpkg|npm|npx|node_modules|su|sudo|mount|perl|python3?|[^/]+\.test\.[jt]s)$/
    expect(files.filter((file) => unwanted.test(file))).toStrictEqual([])
    expect(files).toContain('usr/local/bin/node')
    expect(files).toContain('etc/ssl/certs/ca-certificates.crt')
  })

  test('starts on a read-only file system', async () => {
    const help = await docker.engine.run({ image, command: ['--help'], readOnly: true })
    const wrong = await docker.engine.run({ image, command: ['no-such-command'], readOnly: true })

    expect(help.output).toContain('Usage: ')
    expect(help.code).toBe(0)
    expect(wrong.code).not.toBe(0)
  })

  test.each(programs)('can run %s', async (program) => {
    const { code, output } = await docker.engine.run({
      image,
      entrypoint: [`/usr/local/bin/${program}`],
      command: ['--version'],
      readOnly: true,
    })

    expect(output).toMatch(/\d+\.\d+/)
    expect(code).toBe(0)
  })
})

test('the heap of the app follows the memory limit of its container', async () => {
  const image = await ensureImage(await productRecipe('app'), { progress, docker })
  const heap = async (memoryBytes: number): Promise<number> => {
    const command = ['-e', 'console.log(String(require("node:v8").getHeapStatistics().heap_size_limit))']
    const { output } = await docker.engine.run({ image, entrypoint: ['/usr/local/bin/node'], command, readOnly: true, memoryBytes })
    return Number(output.trim())
  }

  const [small, large] = [await heap(320 * 2 ** 20), await heap(1024 * 2 ** 20)]

  expect(small).toBeGreaterThan(0.4 * 320 * 2 ** 20)
  expect(small).toBeLessThan(0.65 * 320 * 2 ** 20)
  expect(large).toBeGreaterThan(2.5 * small)
})

test('of many versions of one image the engine keeps the newest twenty', async () => {
  const base = await imageRecipe('base')
  const versions = Array.from({ length: 22 }, (_, version) => version)
  for (const version of versions) {
    const recipe = await variantRecipe({ name: 'kept', of: base, instructions: `LABEL version=${version} run=${process.pid}` })
    await ensureImage(recipe, { progress: silentProgress, docker })
  }

  const kept = await docker.engine.listImages('notejam.local/kept')

  for (const { tag } of kept) await docker.engine.untag(tag)
  expect(kept).toHaveLength(20)
})

describe('a registry', () => {
  let folder: string
  let registry: { readonly address: string; readonly host: string }
  let component: Component

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'notejam-registry-'))
    const server = createServer()
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
    })
    await new Promise((resolve) => server.close(resolve))
    registry = { address: `127.0.0.1:${port}`, host: 'registry.test' }
    const { registry: binary } = await ensureBinaries(['registry'], { progress })
    component = new Component(
      folder,
      registryComponent({ binary, address: registry.address, folder, storage: path.join(folder, 'data') }),
      'tied',
    )
    component.start()
    await component.ready(async () => await registryReady(registry.address))
  })
  afterAll(async () => {
    await component.stop()
    await rm(folder, { recursive: true, force: true })
  })

  test('gets an image under its digest; the second time without an engine; other content has another digest', async () => {
    const app = await productRecipe('app')
    const other = await variantRecipe({ name: 'other', of: app, instructions: 'COPY note /note', files: { note: 'hello' } })

    const first = await publishImage(app, registry, { progress, docker })
    const again = await publishImage(app, registry, {
      progress,
      docker: {
        ...docker,
        get engine(): never {
          throw new Error('no engine is needed')
        },
      },
    })
    const variant = await publishImage(other, registry, { progress, docker })

    expect(first.reference).toMatch(/^registry\.test\/notejam@sha256:[0-9a-f]{64}$/)
    expect(again).toStrictEqual(first)
    expect(variant.digest).not.toBe(first.digest)
  })

  test('refuses a layer whose content is not what its digest says', async () => {
    const started = await fetch(`http://${registry.address}/v2/notejam/blobs/uploads/`, { method: 'POST' })
    const url = new URL(started.headers.get('location') ?? '', `http://${registry.address}`)
    url.searchParams.set('digest', `sha256:${'0'.repeat(64)}`)

    const stored = await fetch(url, { method: 'PUT', body: 'other content' })

    expect(stored.status).toBe(400)
  })
})
