import { stripVTControlCharacters } from 'node:util'
import { addCounts, noCounts, type Counts } from './counts.ts'

/** What is read of the report of `vitest --reporter=json`. */
export interface VitestReport {
  readonly testResults: readonly VitestFile[]
}

interface VitestFile {
  readonly name: string
  readonly status: string
  readonly message: string
  readonly assertionResults: readonly {
    readonly status: string
    readonly fullName: string
    readonly failureMessages: readonly string[]
  }[]
}

/** What came of a run. */
export interface RunResult extends Counts {
  /** What failed and the first line of why. */
  readonly failures: readonly string[]
  /** What failed at first and passed when its file was run again, with the first line of why. */
  readonly unsteady: readonly string[]
}

/** Files that hold a failure; one that fails to load counts as one failed test. */
export function failedFiles({ testResults }: VitestReport): readonly string[] {
  return testResults
    .filter(({ status, assertionResults }) => status === 'failed' || assertionResults.some(hasFailed))
    .map(({ name }) => name)
}

/** Sums of a run, and of a second one of those of its files that failed: what counts for a file is its last run. */
export function resultOf(first: VitestReport, second: VitestReport = { testResults: [] }): RunResult {
  const again = new Map(second.testResults.map((file) => [file.name, file]))
  const last = first.testResults.map((file) => again.get(file.name) ?? file)
  const counts = last.map(countsOf).reduce(addCounts, noCounts)
  const failures = last.flatMap(failuresOf)
  const titles = new Set(failures.map(({ title }) => title))
  const unsteady = first.testResults.filter(({ name }) => again.has(name)).flatMap(failuresOf)
  return { ...counts, failures: failures.map(lineOf), unsteady: unsteady.filter(({ title }) => !titles.has(title)).map(lineOf) }
}

interface Failure {
  readonly title: string
  readonly reason: string
}

const lineOf = ({ title, reason }: Failure): string => `${title}: ${reason}`

const hasFailed = ({ status }: VitestFile['assertionResults'][number]): boolean => status === 'failed'

function isBroken({ status, assertionResults }: VitestFile): boolean {
  return status === 'failed' && !assertionResults.some(hasFailed)
}

function countsOf(file: VitestFile): Counts {
  const of = (wanted: string): number => file.assertionResults.filter(({ status }) => status === wanted).length
  const [passed, failed] = [of('passed'), of('failed')]
  return { passed, failed: isBroken(file) ? 1 : failed, skipped: file.assertionResults.length - passed - failed }
}

function failuresOf(file: VitestFile): readonly Failure[] {
  if (isBroken(file)) return [{ title: file.name, reason: firstLine(file.message) }]
  return file.assertionResults
    .filter(hasFailed)
    .map(({ fullName, failureMessages: [message = ''] }) => ({ title: fullName, reason: firstLine(message) }))
}

function firstLine(message: string): string {
  return stripVTControlCharacters(message).split('\n', 1)[0] ?? ''
}
