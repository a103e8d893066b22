import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { binaryNames, isBinaryName, kubernetesComponent } from './binaries.ts'
import { runCommand } from './command.ts'

const module = fileURLToPath(new URL('go-build.ts', import.meta.url))
const toolchain = fileURLToPath(new URL('go-toolchain.ts', import.meta.url))
const isRoot = process.getuid?.() === 0

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'notejam-go-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** Runs a piece of TypeScript in a process of its own, in which the usual places of Go are hidden; gives what it wrote. */
async function withoutGo(script: string, env: Readonly<Record<string, string>>, prefix: readonly string[] = []): Promise<string> {
  const hide = 'for at in /usr/local/go /usr/lib/go /usr/lib/go-*; do [ ! -d "$at" ] || mount -t tmpfs tmpfs "$at"; done; exec "$@"'
  const node = [process.execPath, '--input-type=module-typescript', '--eval', script]
  return await runCommand('unshare', [
    '--mount',
    'sh',
    '-c',
    hide,
    'sh',
    ...prefix,
    '/usr/bin/env',
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...node,
  ])
}

const report = `const say = (error) => console.log(error.code + ' ' + error.message)`

test.runIf(isRoot)('without Go there is one clear line, where it cannot be installed (needs root)', async () => {
  const script = `import { ensureGo } from ${JSON.stringify(toolchain)}; ${report}
    await ensureGo({ progress: { info: console.log, step: async (title) => console.log(title) } }).catch(say)`

  const said = await withoutGo(script, { PATH: folder }, ['/usr/bin/unshare', '--user', '--map-user=1000', '--map-group=1000'])

  expect(said).toMatch(
    /^MissingPrerequisite Go was not found: put Go on PATH, or run this as root .* CLUSTER=kind and CLUSTER=current need none\n$/,
  )
})

test.runIf(isRoot)('a Go that is too old is taken only if there is no newer one further down the PATH (needs root)', async () => {
  const versions = { old: '1.19.8', new: '1.24.4' }
  for (const [name, version] of Object.entries(versions)) {
    await mkdir(path.join(folder, name))
    await writeFile(path.join(folder, name, 'go'), `#!/bin/sh\necho "go version go${version} linux/amd64"\n`, { mode: 0o755 })
  }
  const script = `import { findGo } from ${JSON.stringify(toolchain)}; console.log((await findGo())?.version)`

  const none = await withoutGo(script, { PATH: folder })
  const old = await withoutGo(script, { PATH: `${folder}/old` })
  const both = await withoutGo(script, { PATH: `${folder}/old:${folder}/new` })

  expect([none, old, both]).toStrictEqual(['undefined\n', '1.19.8\n', '1.24.4\n'])
})

test.runIf(isRoot)('a disk that is too full is found before anything is compiled (needs root)', async () => {
  const script = `import { goBuild } from ${JSON.stringify(module)}; ${report}
    await goBuild({ command: '/bin/false', version: '1.26' }, { module: '/', package: '.', output: '${folder}/disk/binary' }).catch(say)`
  const mountAndRun = `mkdir ${folder}/disk && mount -t tmpfs -o size=1m tmpfs ${folder}/disk && exec "$@"`

  const said = await runCommand('unshare', [
    '--mount',
    'sh',
    '-c',
    mountAndRun,
    'sh',
    process.execPath,
    '--input-type=module-typescript',
    '--eval',
    script,
  ])

  expect(said).toBe(
    `MissingPrerequisite 0.0 GiB are free on the disk of ${folder}/disk, and a build needs 4: free some, or set XDG_CACHE_HOME\n`,
  )
})

const go = await runCommand('go', ['version']).catch(() => undefined)

test.runIf(go !== undefined)(
  'a person’s own Go settings do not change what is built, and a compiler error is shown (needs Go)',
  async () => {
    const source = path.join(folder, 'source')
    await mkdir(source)
    await writeFile(path.join(source, 'go.mod'), 'module example.test/tiny\n\ngo 1.24.0\n')
    await writeFile(path.join(source, 'go.sum'), '')
    const build = async (text: string): Promise<string> => {
      await writeFile(path.join(source, 'main.go'), text)
      const script = `import { findGo } from ${JSON.stringify(toolchain)}; import { goBuild } from ${JSON.stringify(module)}; ${report}
      const build = { module: ${JSON.stringify(source)}, package: '.', output: ${JSON.stringify(path.join(folder, 'tiny'))} }
      await goBuild(await findGo(), build).then(() => console.log('built'), (error) => { say(error); console.log(error.details) })`
      return await runCommand(process.execPath, ['--input-type=module-typescript', '--eval', script], {
        env: { ...process.env, GOFLAGS: '-mod=vendor', GOOS: 'plan9', GOWORK: '/nowhere/go.work' },
      })
    }

    const good = await build('package main\n\nfunc main() { println("here") }\n')
    const bad = await build('package main\n\nfunc main() { missing() }\n')

    expect(good).toBe('built\n')
    expect((await readFile(path.join(folder, 'tiny'))).subarray(1, 4).toString()).toBe('ELF')
    expect(bad).toMatch(/^CommandFailed \S+go build ended with exit code 1: .*\n/)
    expect(bad).toContain('undefined: missing')
  },
)

test('the command line refuses a name that it does not know, with one line and exit code 2', async () => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('binaries-main.ts', import.meta.url)), 'etcd', 'kubernets'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const errors = await child.stderr.toArray()
  if (child.exitCode === null) await once(child, 'exit')

  expect(Buffer.concat(errors).toString()).toMatch(/^no binary is called kubernets: give any of etcd, kubernetes, .*\n$/)
  expect(child.exitCode).toBe(2)
})

test('names of binaries and of components of Kubernetes', () => {
  expect(binaryNames.every((name) => isBinaryName(name))).toBe(true)
  expect(isBinaryName('toString')).toBe(false)
  expect(kubernetesComponent('/cache/kubernetes/1/kubernetes', 'kubelet')).toBe('/cache/kubernetes/1/kubelet')
})
