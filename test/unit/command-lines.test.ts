import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

interface Outcome {
  readonly code: number | null
  readonly stderr: string
  readonly stdout: string
}

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Outcome {
  const { status, stderr, stdout } = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...env } })
  return { code: status, stderr: stderr.trim(), stdout }
}

const node = (script: string, ...args: readonly string[]): Outcome => run(process.execPath, [script, ...args])

describe('command lines of the tree refuse what they do not know in one line, with exit code 2', () => {
  it.each([
    ['a tier', node('test/run.ts', 'nonsense'), /^unknown tier nonsense: there are lint, unit/],
    ['a proof', node('test/proof/run.ts', 'nonsense'), /^no proof is named nonsense: there are /],
    ['a command of the cluster', node('test/cluster/main.ts', 'nonsense'), /nonsense/],
    ['a flag of the cluster', node('test/cluster/main.ts', 'up', '--nonsense'), /--nonsense/],
    ['a command of the operator', node('operator/src/main.ts', 'nonsense'), /nonsense/],
    ['a flag of the operator', node('operator/src/main.ts', 'run', '--nonsense'), /--nonsense/],
    ['a command of the app', node('app/src/main.ts', 'nonsense'), /nonsense/],
    ['a flag of the app', node('app/src/main.ts', 'migrate', '--nonsense'), /--nonsense/],
  ])('%s', (_what, outcome, message) => {
    expect(outcome).toMatchObject({ code: 2, stdout: '' })
    expect(outcome.stderr).toMatch(message)
    expect(outcome.stderr.split('\n')).toHaveLength(1)
  })
})

describe.runIf(process.platform === 'linux')('where a cluster cannot be, nothing is begun, and one line says why', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'notejam-cannot-'))
  afterAll(() => rmSync(scratch, { recursive: true }))
  const up = ['test/cluster/main.ts', 'up', '--name', 'cannot']

  it('without root', () => {
    // In a user namespace without a mapping a process is nobody, and still reads what is ours.
    const outcome = run('unshare', ['--user', process.execPath, ...up], { XDG_STATE_HOME: scratch })

    expect(outcome).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^nodes need root .*run this as root; CLUSTER=kind/),
    })
    expect(readdirSync(scratch)).toEqual([])
  })

  it('without room on the disk', () => {
    const script = 'mount -t tmpfs -o size=1m none "$0" && XDG_STATE_HOME=$0 "$@"; code=$?; ls "$0"; exit $code'
    const outcome = run('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script, scratch, process.execPath, ...up])

    expect(outcome).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^0\.0 GiB are free on the disk of .*: free some, or set/),
    })
  })

  it.each([
    ['is not there', undefined, /no such file|there is no file/],
    ['is no YAML', 'clusters: [\n', /ya?ml|flow|sequence/i],
    ['is no kubeconfig', 'apiVersion: v1\nkind: Config\nclusters: 5\n', /clusters|current-context/],
  ])('with a kubeconfig that %s', (_what, text, message) => {
    const file = join(scratch, 'kubeconfig')
    if (text !== undefined) writeFileSync(file, text)
    const env = { KUBECONFIG: file }

    for (const outcome of [
      run(process.execPath, ['test/cluster/main.ts', 'status', '--provider', 'current'], env),
      run(process.execPath, ['operator/src/main.ts', 'run', '--listen', '127.0.0.1:0'], env),
    ]) {
      expect(outcome).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(message) })
      expect(outcome.stderr.split('\n')).toHaveLength(1)
    }
  })
})

describe('node.sh', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'notejam-node-'))
  afterAll(() => rmSync(scratch, { recursive: true }))

  it('says in one line what is missing where neither Node nor npm is there and cannot be installed', () => {
    const bare = run('/bin/sh', ['-c', '. test/cluster/node.sh'], { PATH: scratch, HOME: scratch, XDG_CACHE_HOME: scratch })

    // Without any PATH not even uname is found: that too is said, not guessed.
    expect(bare.code).not.toBe(0)
    expect(bare.stderr.split('\n').at(-1)).toMatch(/^notejam: .*Node >= 24\.11.*run this again/)
  })

  it('leaves a Node that is new enough alone', () => {
    // A tree of its own with its packages installed: what has to be installed would be, in the tree that the test stands in.
    const tree = mkdtempSync(join(scratch, 'tree-'))
    mkdirSync(join(tree, 'node_modules'))
    for (const file of ['package-lock.json', 'node_modules/.package-lock.json']) writeFileSync(join(tree, file), '{}')
    const fit = run('/bin/sh', ['-c', 'script=$PWD/test/cluster/node.sh; cd "$0" && . "$script" && command -v node', tree])

    expect(fit).toMatchObject({ code: 0, stdout: `${process.execPath}\n` })
  })
})
