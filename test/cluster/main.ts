// The command line of the local cluster: `node test/cluster/main.ts --help`.
import { runClusterProgram } from './cluster-program.ts'
import { ClusterError } from './errors.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => stop.abort(new ClusterError('CommandFailed', `stopped by ${signal}`)))
}

process.exitCode = await runClusterProgram(process.argv.slice(2), {
  print: (line) => void process.stdout.write(`${line}\n`),
  printError: (text) => void process.stderr.write(`${text}\n`),
  signal: stop.signal,
})
