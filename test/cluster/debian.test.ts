import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { runCommand } from './command.ts'
import { findCommand, missingPackages } from './debian.ts'

const module = fileURLToPath(new URL('debian.ts', import.meta.url))
const isRoot = process.getuid?.() === 0

describe('what is missing', () => {
  test('a command that is there is found, with and without a PATH', () => {
    expect(findCommand('sh', {})).toMatch(/\/sh$/)
    expect(findCommand('sh', { PATH: '/nowhere:relative' })).toMatch(/\/sh$/)
    expect(findCommand('no-such-command')).toBeUndefined()
  })

  test('nothing is missing for no purpose', () => {
    expect(missingPackages([])).toStrictEqual([])
  })

  test.runIf(isRoot)('packages are named once, in order (needs root)', async () => {
    const said = await hidden(`console.log(JSON.stringify(missingPackages(['nodes', 'nodes'])))`)

    const packages = JSON.parse(said) as string[]
    expect(packages).toContain('containernetworking-plugins')
    expect(packages).toStrictEqual([...new Set(packages)].toSorted())
  })
})

describe('who may not install', () => {
  test.runIf(isRoot)('gets one line with the packages and the command, and nothing is tried (needs root)', async () => {
    const said = await hidden(
      `await ensureDebian(['nodes'], { progress: { info: console.log, step: async (title) => console.log(title) } }).catch((error) => console.log(error.code + ' ' + error.message))`,
      ['unshare', '--user', '--map-user=1000', '--map-group=1000'],
    )

    expect(said).toMatch(
      /^MissingPrerequisite missing here: what Debian's packages .*containernetworking-plugins.* bring: (?:run this as root, or once: apt-get install .*|install them as this system does it); CLUSTER=kind and CLUSTER=current need none of them\n$/,
    )
  })
})

/** Runs a piece of TypeScript where the CNI plugins are hidden, in a mount namespace of its own. */
async function hidden(script: string, prefix: readonly string[] = []): Promise<string> {
  const hide = 'for at in /usr/lib/cni /opt/cni; do [ ! -d "$at" ] || mount -t tmpfs tmpfs "$at"; done; exec "$@"'
  const source = `import { ensureDebian, missingPackages } from ${JSON.stringify(module)}; ${script}`
  return await runCommand('unshare', [
    '--mount',
    'sh',
    '-c',
    hide,
    'sh',
    ...prefix,
    process.execPath,
    '--input-type=module-typescript',
    '--eval',
    source,
  ])
}
