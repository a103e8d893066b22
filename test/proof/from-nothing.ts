import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { execFileSync } from 'node:child_process'
import type { Proof, ProofResult } from './proof.ts'

const limitSeconds = 30 * 60
const cachedLimitSeconds = 60

interface MakeRun {
  readonly code: number
  readonly seconds: number
  readonly output: string
}

/** Runs a target of the Makefile in a clone, with caches and state of its own. */
async function make(clone: string, scratch: string, args: readonly string[], report: (line: string) => void): Promise<MakeRun> {
  const started = performance.now()
  const child = spawn('make', args, {
    cwd: clone,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      // The Node that runs this must not count as one that the machine has.
      PATH: (process.env['PATH'] ?? '')
        .split(':')
        .filter((folder) => !folder.includes('/notejam/node/'))
        .join(':'),
      XDG_CACHE_HOME: join(scratch, 'cache'),
      XDG_STATE_HOME: join(scratch, 'state'),
      GOCACHE: join(scratch, 'go-build'),
      GOMODCACHE: join(scratch, 'go-modules'),
      npm_config_cache: join(scratch, 'npm'),
    },
  })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      if (/^[✓✗•]/.test(line)) report(line)
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code: code ?? 1, seconds: Math.round((performance.now() - started) / 1000), output: lines.join('\n') }
}

/** Go keeps its modules read-only, so they cannot simply be removed. */
async function remove(folder: string): Promise<void> {
  execFileSync('chmod', ['-R', 'u+w', folder])
  await rm(folder, { recursive: true, force: true })
}

async function run(report: (line: string) => void): Promise<ProofResult> {
  const scratch = await mkdtemp(join(tmpdir(), 'notejam-nothing-'))
  const clone = join(scratch, 'clone')
  try {
    execFileSync('git', ['clone', '--quiet', '.', clone])
    const name = ['NAME=nothing']
    const first = await make(clone, scratch, ['up', ...name], report)
    if (first.code !== 0) report(first.output.slice(-4_000))
    const answers = first.code === 0 && /Notejam is at (http:\S+):/.exec(first.output)?.[1]
    const status = typeof answers === 'string' ? (await fetch(`${answers}/signin/`)).status : 0
    await make(clone, scratch, ['down', ...name], report)
    const second = await make(clone, scratch, ['up', ...name], report)
    await make(clone, scratch, ['down', ...name], report)
    await cp(join(scratch, 'cache/notejam/builds.jsonl'), 'test-results/builds.jsonl', { force: true }).catch(() => undefined)
    return {
      passed: status === 200 && second.code === 0 && first.seconds <= limitSeconds && second.seconds <= cachedLimitSeconds,
      figures: { upFromNothingSeconds: first.seconds, upCachedSeconds: second.seconds, signInPageStatus: status },
      counterTest: 'a measurement: it does not hold above 1,800 s from nothing or 60 s cached, or without an answer of the app',
    }
  } finally {
    await remove(scratch)
  }
}

/** A machine with nothing cached but Debian's packages: `make up` to an answer of the app, and once more with everything cached. */
export const proof: Proof = { title: '`make up` with empty caches of Go, npm, images and binaries, then cached', run }
