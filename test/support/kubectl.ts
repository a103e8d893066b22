import { dirname, join } from 'node:path'
import { ensureBinaries } from '../cluster/binaries.ts'
import { runCommand } from '../cluster/command.ts'
import { silentProgress } from '../cluster/progress.ts'

/** kubectl of the pinned version, bound to one kubeconfig. */
export interface Kubectl {
  /** Runs kubectl with these arguments and gives its standard output; `input` goes to standard input (`apply -f -`). */
  readonly run: (args: readonly string[], input?: string) => Promise<string>
  /** `-o json`, parsed. */
  readonly json: <T>(args: readonly string[]) => Promise<T>
}

/**
 * kubectl for what only kubectl does: explain, wait, exec, port-forward, the printed columns. To read and write objects use `ApiClient`,
 * which starts no program.
 * @throws ClusterError `CommandFailed` with kubectl's own message when it ends with another code than 0 (from the calls)
 */
export async function kubectlFor(kubeconfig: string): Promise<Kubectl> {
  const { kubectl } = await ensureBinaries(['kubectl'], { progress: silentProgress })
  // In its own folder, kubectl keeps what a server knows for hours under its address, which the next test cluster has as well.
  const common = ['--kubeconfig', kubeconfig, '--cache-dir', join(dirname(kubeconfig), 'kubectl-cache')]
  const run = async (args: readonly string[], input?: string): Promise<string> =>
    await runCommand(kubectl, [...common, ...args], input === undefined ? {} : { input })
  return { run, json: async <T>(args: readonly string[]) => JSON.parse(await run([...args, '-o', 'json'])) as T }
}
