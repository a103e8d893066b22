// The command line of the local cluster: `node test/cluster/main.ts --help`.
import { CommanderError } from 'commander'
import { clusterProgram } from './cluster-program.ts'
import { ClusterError, messageOf } from './errors.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => stop.abort(new ClusterError('CommandFailed', `stopped by ${signal}`)))
}

try {
  await clusterProgram({ print: (line) => void process.stdout.write(`${line}\n`), signal: stop.signal }).parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has written its one line; help that was asked for is no error.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    process.stderr.write(`${messageOf(error)}\n`)
    if (error instanceof ClusterError && error.details !== undefined) process.stderr.write(`${error.details}\n`)
    process.exitCode = error instanceof ClusterError ? error.exitCode : 1
  }
}
