import { truncateSync, writeFileSync } from 'node:fs'
import { AppError, exitCodes, messageOf, type ExitCode } from '../errors.ts'

/** Kubernetes keeps this much of a termination message (pkg/kubelet/container: MaxContainerTerminationMessageLength). */
const maxBytes = 4096
const maxMessage = 2000

/** What a job command ends with: one line of JSON. */
export interface Report {
  readonly command: string
  /** CamelCase. */
  readonly outcome: string
  readonly message?: string
  readonly [field: string]: unknown
}

/** Where a report goes. */
export interface ReportTargets {
  /** The file of the termination message; it must exist, as in a pod, else it is passed over. */
  readonly terminationLog: string
  readonly print: (line: string) => void
}

/** One line of at most 4,096 bytes: long fields are left out, beginning with the longest, and named in `omitted`. */
export function reportLine(report: Report): string {
  const shortened: Record<string, unknown> = { ...report }
  if (report.message !== undefined && report.message.length > maxMessage) {
    shortened['message'] = `${report.message.slice(0, maxMessage)}…`
  }
  const omitted: string[] = []
  for (;;) {
    const line = JSON.stringify(omitted.length === 0 ? shortened : { ...shortened, omitted })
    if (Buffer.byteLength(line) <= maxBytes) {
      return line
    }
    const [longest] = Object.entries(shortened)
      .filter(([key]) => !['command', 'outcome', 'message'].includes(key))
      .toSorted(([, a], [, b]) => JSON.stringify(b).length - JSON.stringify(a).length)
    if (longest === undefined) {
      shortened['message'] = String(shortened['message']).slice(0, 500)
    } else {
      const [key] = longest
      omitted.push(key)
      delete shortened[key]
    }
  }
}

/** Writes the report to standard output and to the termination message. */
export function writeReport(report: Report, { terminationLog, print }: ReportTargets): void {
  const line = reportLine(report)
  print(line)
  try {
    // Kubernetes has made the file; elsewhere there is none, and none is to appear in /dev.
    truncateSync(terminationLog)
    writeFileSync(terminationLog, `${line}\n`)
  } catch {
    // Nobody is there to read it; the line is on standard output.
  }
}

/** Runs a job command and reports how it ended; what it throws becomes a report and an exit code. */
export async function runJob(command: string, targets: ReportTargets, work: () => Promise<Omit<Report, 'command'>>): Promise<ExitCode> {
  try {
    const result = await work()
    writeReport({ ...result, command, outcome: String(result['outcome']) }, targets)
    return exitCodes.ok
  } catch (error) {
    const known = error instanceof AppError
    writeReport({ command, outcome: known ? error.code : 'Failed', message: messageOf(error) }, targets)
    return known ? error.exitCode : exitCodes.failed
  }
}
