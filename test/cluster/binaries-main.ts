// Builds binaries ahead of their first use: `node test/cluster/binaries-main.ts [NAME…]`, by default those that `make up` needs.
import { binaryNames, ensureBinaries, isBinaryName, upBinaries } from './binaries.ts'
import { ClusterError, messageOf } from './errors.ts'
import { createProgress } from './progress.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => stop.abort(new ClusterError('CommandFailed', `stopped by ${signal}`)))

try {
  const words = process.argv.slice(2)
  const unknown = words.find((word) => !isBinaryName(word))
  if (unknown !== undefined) throw new ClusterError('Usage', `no binary is called ${unknown}: give any of ${binaryNames.join(', ')}`)
  const names = words.length === 0 ? upBinaries : words.filter((word) => isBinaryName(word))
  const paths = await ensureBinaries(names, { progress: createProgress(), signal: stop.signal })
  for (const [name, file] of Object.entries(paths)) process.stdout.write(`${name}\t${file}\n`)
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  if (error instanceof ClusterError && error.details !== undefined) process.stderr.write(`${error.details}\n`)
  process.exitCode = error instanceof ClusterError ? error.exitCode : 1
}
