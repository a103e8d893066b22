import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Proof } from './proof.ts'

/** A safety, how it is taken out, and the test that has to notice. */
interface Safety {
  readonly name: string
  /** Under `operator/src/runtime`. */
  readonly file: string
  readonly from: string
  readonly to: string
  readonly test: string
  /** Part of the test's name. */
  readonly title: string
}

const unit = 'operator/src/runtime'
const tier = 'test/control-plane'

const safeties: readonly Safety[] = [
  {
    name: 'dedupe: one worker on a key',
    file: 'queue.ts',
    from: 'if (this.#processing.has(item.key)) item.place',
    to: "if (item.key === '') item.place",
    test: `${unit}/queue.test.ts`,
    title: 'never gives one key to two workers',
  },
  {
    name: 'no lost wake-up: re-run after done',
    file: 'queue.ts',
    from: "if (item?.place === 'parked') {",
    to: "if (item?.place === 'parked' && item.key === '') {",
    test: `${unit}/queue.test.ts`,
    title: 'agrees with client-go on random schedules',
  },
  {
    name: 'ageing',
    file: 'queue.ts',
    from: 'item.readyAt - item.priority * msPerPoint',
    to: '-item.priority * msPerPoint * 1e6',
    test: `${unit}/queue.test.ts`,
    title: 'starves nobody',
  },
  {
    name: 'lanes for what failed',
    file: 'queue.ts',
    from: 'this.#busyLanes < this.#options.retryLanes ?',
    to: 'this.#busyLanes < Infinity ?',
    test: `${unit}/queue.test.ts`,
    title: 'keeps workers for what did not fail',
  },
  {
    name: 'backoff',
    file: 'queue.ts',
    from: 'const afterMs = Math.max(backoff(this.#options.backoff, failures, this.#options.random()), this.#bucket.reserve())',
    to: 'const afterMs = backoff(this.#options.backoff, 0, this.#options.random()) * 0',
    test: `${unit}/queue.test.ts`,
    title: 'backs off per key',
  },
  {
    name: 'retry',
    file: 'controller.ts',
    from: 'const afterMs = this.#queue.retry(key,',
    to: "const afterMs = this.#queue.retry(key + '-lost',",
    test: `${tier}/runtime.test.ts`,
    title: 'every write × every fault ends in the same objects',
  },
  {
    name: 'own-writes barrier',
    file: 'controller.ts',
    from: "if (verdict.type === 'pass') return true",
    to: "if (verdict.type !== 'givenUp') return true",
    test: `${tier}/runtime.test.ts`,
    title: 'own-write barrier true: one child',
  },
  {
    name: 'own writes, by version',
    file: 'own-writes.ts',
    from: 'return order === undefined || order >= 0',
    to: 'return true',
    test: `${unit}/own-writes.test.ts`,
    title: 'holds a pass back until the cache has come as far as the write',
  },
  {
    name: 'tombstones',
    file: 'own-writes.ts',
    from: 'if (object === undefined || object.metadata.uid !== uid',
    to: 'if (object === undefined || object.metadata.uid === uid',
    test: `${unit}/own-writes.test.ts`,
    title: 'when the cache shows that the object',
  },
  {
    name: 'writes only when something changed',
    file: 'applier.ts',
    from: 'intent.createOnly === true || this.#isUnchanged(intent, live)',
    to: 'intent.createOnly === true',
    test: `${tier}/runtime.test.ts`,
    title: 'writes nothing when nothing is to be done, after a restart too',
  },
  {
    name: 'what is not in the cache is created, never taken over',
    file: 'applier.ts',
    from: '{ resourceVersion: mustNotExist }',
    to: '{}',
    test: `${tier}/runtime.test.ts`,
    title: 'leaves an object alone that belongs to somebody else',
  },
  {
    name: 'owner by UID',
    file: 'applier.ts',
    from: 'return controller.uid === owner.metadata.uid',
    to: 'return controller.name === owner.metadata.name',
    test: `${tier}/runtime.test.ts`,
    title: 'does not give the children of a deleted object to a new one',
  },
  {
    name: 'own status writes wake nobody',
    file: 'controller.ts',
    from: 'this.#options.primary.predicate ?? specChanged',
    to: 'this.#options.primary.predicate ?? (() => true)',
    test: `${tier}/runtime.test.ts`,
    title: 'is not woken by its own status writes',
  },
  {
    name: 'fence',
    file: 'election.ts',
    from: '    if (this.held) return\n    if (this.#state',
    to: "    if (operation !== '') return\n    if (this.#state",
    test: `${unit}/election.test.ts`,
    title: 'is shut for a process that was frozen',
  },
  {
    name: 'fence, at the last moment',
    file: 'guarded-client.ts',
    from: 'guard: () => fence.assertHeld(what)',
    to: 'guard: () => {}',
    test: `${tier}/runtime.test.ts`,
    title: 'a write that waits while the lease is lost does not leave',
  },
  {
    name: 'fence, by time',
    file: 'election.ts',
    from: "this.#state === 'leading' && this.#options.clock.monotonic()",
    to: "this.#state === 'leading' && 0 * this.#options.clock.monotonic()",
    test: `${unit}/election.test.ts`,
    title: 'never has two holders',
  },
  {
    name: 'lease: only what was read is overwritten',
    file: 'lease-lock.ts',
    from: '...(record.version === undefined ? {} : { resourceVersion: record.version })',
    to: '',
    test: `${tier}/runtime-election.test.ts`,
    title: 'SIGTERM hands over at once',
  },
  {
    name: 'lease is given away',
    file: 'manager.ts',
    from: 'await this.#elector?.release()',
    to: '',
    test: `${tier}/runtime-election.test.ts`,
    title: 'SIGTERM hands over at once',
  },
  {
    name: 'access table',
    file: 'guarded-client.ts',
    from: 'if (!access.some((rule) => permits(rule, verb, resource, subresource, name)))',
    to: 'if (access.length === 0)',
    test: `${tier}/runtime-manager.test.ts`,
    title: 'a call that the access table does not name never leaves',
  },
  {
    name: 'deadline of a pass',
    file: 'controller.ts',
    from: 'clock.setTimeout(() => deadline.abort(timeout), deadlineMs)',
    to: 'clock.setTimeout(() => {}, deadlineMs)',
    test: `${tier}/runtime-manager.test.ts`,
    title: 'a pass that takes too long is aborted',
  },
  {
    name: 'one namespace that is denied keeps nobody waiting',
    file: 'informers.ts',
    from: "if (namespace !== '' && isForbidden(reflector.status.lastError)) return true",
    to: '',
    test: `${tier}/runtime-manager.test.ts`,
    title: 'a namespace that may not be read is said once',
  },
  {
    name: 'events keep to their budget',
    file: 'recorder.ts',
    from: 'return bucket.tryTake() && subject.budget.tryTake()',
    to: 'return bucket.tryTake() || subject.budget.tryTake() || true',
    test: `${unit}/recorder.test.ts`,
    title: 'writes at most twelve in an hour',
  },
]

const copied = ['operator', 'test', 'crds', 'vitest.config.ts', 'package.json', 'tsconfig.json']

/** Runs one test in the copy; true when it passes, and only if it ran. */
function passes(folder: string, { test, title }: Safety): boolean {
  const project = test.startsWith(unit) ? 'unit' : 'control-plane'
  const name = title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const report = join(folder, 'report.json')
  rmSync(report, { force: true })
  spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--project', project, test, '-t', name, '--reporter=json', `--outputFile=${report}`],
    {
      cwd: folder,
      timeout: 240_000,
    },
  )
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8')) as { numPassedTests: number; numFailedTests: number }
  if (numPassedTests + numFailedTests === 0) throw new Error(`no test of ${test} is named "${title}"`)
  return numFailedTests === 0
}

/**
 * A safety that nobody notices the absence of counts as untested: takes out each of the runtime's, one by one, in a copy of the tree, and looks whether
 * the test that is named for it fails; with the safety in place it has to pass.
 */
export const proof: Proof = {
  title: 'Without any one of its safeties, a named test of the runtime fails',
  async run(report) {
    const folder = mkdtempSync(join(tmpdir(), 'safeties-'))
    const unnoticed: string[] = []
    try {
      for (const path of copied) cpSync(path, join(folder, path), { recursive: true, filter: (file) => !file.includes('node_modules') })
      symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
      for (const safety of safeties) {
        const path = join(folder, unit, safety.file)
        const source = readFileSync(path, 'utf8')
        if (source.split(safety.from).length !== 2) throw new Error(`${safety.file} does not have "${safety.from}" exactly once`)
        const withIt = passes(folder, safety)
        writeFileSync(
          path,
          source.replace(safety.from, () => safety.to),
        )
        const without = passes(folder, safety)
        writeFileSync(path, source)
        const verdict = withIt && !without ? 'noticed' : withIt ? 'NOT NOTICED' : 'FAILS WITH IT'
        report(`${safety.name}: ${verdict} (${safety.title})`)
        if (verdict !== 'noticed') unnoticed.push(safety.name)
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    return {
      passed: unnoticed.length === 0,
      figures: { safeties: safeties.length, noticed: safeties.length - unnoticed.length, unnoticed: unnoticed.join(', ') || 'none' },
      counterTest: 'each test also ran with its safety in place, and passed',
    }
  },
}
