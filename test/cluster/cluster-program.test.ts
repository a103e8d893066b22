import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { runClusterProgram } from './cluster-program.ts'
import { checkPortIsFree } from './free-ports.ts'
import { silentProgress } from './progress.ts'
import { requireCommand } from './tools.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'notejam-cli-'))
  vi.stubEnv('XDG_STATE_HOME', folder)
  vi.stubEnv('KUBECONFIG', join(folder, 'kubeconfig'))
})

afterAll(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

async function run(words: readonly string[]): Promise<{ readonly code: number; readonly errors: readonly string[] }> {
  const errors: string[] = []
  const options = {
    print: () => {},
    printError: (line: string) => void errors.push(line),
    signal: AbortSignal.abort(),
    progress: silentProgress,
  }
  return { code: await runClusterProgram(words, options), errors }
}

describe('the command line', () => {
  test.each<readonly [readonly string[], number, RegExp]>([
    [['--frobnicate'], 2, /unknown option '--frobnicate'; see --help$/],
    [['dance'], 2, /unknown command 'dance'/],
    [['up', '--nodes', 'many'], 2, /'many' is invalid/],
    [['up', '--nodes', '9'], 2, /a cluster has 1 to 3 nodes, not 9/],
    [['up', '--ingress-port', '70000'], 2, /70000 is no port/],
    [['up', '--name', 'Not/This'], 2, /"Not\/This" is no cluster name/],
    [['up', '--addons', 'dns,magic'], 2, /no add-on magic/],
    [['up', '--provider', 'cloud'], 2, /'cloud' is invalid/],
    [['stop-node', 'left'], 2, /"left" is no node/],
    [['load'], 2, /missing required argument 'image'/],
    [['build', 'nothing'], 2, /no binary is called nothing/],
    [['images', 'nothing'], 2, /no image is called nothing/],
    [['status', '--name', 'absent'], 1, /there is no cluster absent: start it with "up --name absent"/],
    [['logs', 'etcd', '--name', 'absent'], 1, /there is no cluster absent/],
    [['up', '--provider', 'current'], 1, /there is no file .*: set KUBECONFIG/],
  ])('%j ends with %i and one line', async (words, code, line) => {
    const result = await run(words)

    expect(result).toEqual({ code, errors: [expect.stringMatching(line)] })
    expect(result.errors[0]).not.toContain('\n')
  })

  test('reads the provider from CLUSTER too', async () => {
    vi.stubEnv('CLUSTER', 'cloud')
    const result = await run(['up'])
    vi.stubEnv('CLUSTER', undefined)

    expect(result).toMatchObject({ code: 2, errors: [expect.stringContaining("'cloud' from env 'CLUSTER' is invalid")] })
  })

  test('is a program that gives these exit codes to a shell', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '--frobnicate'], { stdio: ['ignore', 'ignore', 'pipe'] })
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])

    expect({ code, stderr }).toEqual({ code: 2, stderr: "error: unknown option '--frobnicate'; see --help\n" })
  }, 30_000)

  test('names a program that is missing, and how to get it', () => {
    expect(() => requireCommand('no-such-program', 'install it')).toThrow('no-such-program was not found: install it')
  })
})

test('a port that is taken is named, with what to do', async () => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  await expect(checkPortIsFree(port, '127.0.0.1', 'choose another')).rejects.toMatchObject({
    code: 'PortInUse',
    message: `port ${port} on 127.0.0.1 is in use: choose another`,
  })
  server.close()
})
