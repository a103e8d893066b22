import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from '../../app/src/db/engine.ts'
import { createAgeKeys } from '../app/age-keys.ts'
import { imageEnvironment } from '../app/app-process.ts'
import { useDataTools } from '../app/data-tools.ts'
import type { Figure } from './app-figures.ts'
import { handwork } from './data-handwork.ts'
import { startDataWorld, type DataWorld } from './data-world.ts'
import { bundleApp } from './processes.ts'
import { medianOf } from './statistics.ts'

/** Issue "Notes that are never lost", Bars: speed by that of the raw tools, and resident memory of our own process. */
const bars = { speed: 0.8, memoryMiB: 128 } as const

/** What {@link measureData} needs. */
export interface DataFigureOptions {
  /** Of the notes' texts. */
  readonly mebibytes: number
  /** Runs of ours, each beside one by hand; 0: one of ours alone, for its memory. */
  readonly pairs: number
}

/** Backup and restore of one engine beside the raw tools by hand, on a server of this machine; the store is a folder. */
export async function measureData(engine: Engine, { mebibytes, pairs }: DataFigureOptions): Promise<readonly Figure[]> {
  // Clients and servers are both of this machine.
  process.env['NOTEJAM_TEST_POSTGRES'] ??= 'local'
  await useDataTools()
  const folder = mkdtempSync(join(tmpdir(), 'notejam-bench-data-'))
  try {
    const keys = createAgeKeys()
    writeFileSync(join(folder, 'identity'), `${keys.identity}\n`, { mode: 0o600 })
    writeFileSync(join(folder, 'recipients'), `${keys.recipient}\n`)
    mkdirSync(join(folder, 'store'))
    const entry = bundleApp(folder)
    await using world = await startDataWorld(engine, { mebibytes, folder })
    const env = environmentOf(world, { folder, recipient: keys.recipient })
    const hand = handwork({ ...world, folder })
    const figures: Figure[] = []
    for (const what of ['backup', 'restore'] as const) {
      const args = what === 'backup' ? ['backup', '--reason', 'OnDemand'] : ['restore', '--confirm', 'bench']
      const runs: Pair[] = []
      for (let pair = 0; pair < Math.max(pairs, 1); pair += 1) {
        const ours = () => run(process.execPath, [entry, ...args], env)
        const byHand = () => (pairs === 0 ? undefined : run('bash', ['-c', hand[what]], {}))
        // Who comes second finds other caches and other work of the server left: they take turns.
        if (pair % 2 === 0) runs.push({ byHand: await byHand(), ours: await ours() })
        else runs.push({ ours: await ours(), byHand: await byHand() })
      }
      figures.push(...figuresOf(`${engine}: ${what} of ${mebibytes} MiB`, runs))
    }
    return figures
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Pair {
  readonly ours: Run
  readonly byHand: Run | undefined
}

function figuresOf(what: string, pairs: readonly Pair[]): readonly Figure[] {
  const compared = pairs.flatMap(({ ours, byHand }) => (byHand === undefined ? [] : [{ ours, byHand }]))
  const memory: Figure = {
    what: `${what}, memory`,
    value: Math.max(...pairs.map(({ ours }) => ours.peakMiB)),
    unit: ' MiB',
    bar: { atMost: bars.memoryMiB },
  }
  const seconds: Figure = { what: `${what}, ours`, value: medianOf(pairs.map(({ ours }) => ours.seconds)), unit: ' s' }
  if (compared.length === 0) return [seconds, memory]
  return [
    { what: `${what}, by hand`, value: medianOf(compared.map(({ byHand }) => byHand.seconds)), unit: ' s' },
    seconds,
    {
      what: `${what}, speed by that by hand`,
      value: medianOf(compared.map(({ ours, byHand }) => byHand.seconds / ours.seconds)),
      unit: '',
      bar: { atLeast: bars.speed },
    },
    memory,
  ]
}

function environmentOf({ url }: DataWorld, { folder, recipient }: { readonly folder: string; readonly recipient: string }) {
  return {
    ...{ ...imageEnvironment, DATABASE_URL: url, LOG_LEVEL: 'warn', SCRATCH_DIR: folder, TERMINATION_LOG: '/dev/null' },
    ...{ STORE_PATH: join(folder, 'store'), STORE_RECIPIENTS: recipient, STORE_IDENTITY_FILE: join(folder, 'identity') },
    ...{ NOTEJAM_NAMESPACE: 'bench', NOTEJAM_INSTANCE: 'bench', NOTEJAM_INSTANCE_UID: 'bench', SECRET_KEY: 'bench'.repeat(10) },
  }
}

interface Run {
  readonly seconds: number
  /** Most resident memory of the process itself; its children have their own. */
  readonly peakMiB: number
}

async function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Run> {
  // What an earlier run left to be written is not to be paid by this one.
  execFileSync('sync')
  const started = performance.now()
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] })
  let peakMiB = 0
  const timer = setInterval(() => {
    peakMiB = Math.max(peakMiB, peakOf(child.pid ?? 0))
  }, 20)
  try {
    const [code] = (await once(child, 'close')) as [number | null]
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`)
  } finally {
    clearInterval(timer)
  }
  return { seconds: (performance.now() - started) / 1000, peakMiB }
}

/** `VmHWM` in MiB; 0 for a process that has ended, and has no memory any more. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}
