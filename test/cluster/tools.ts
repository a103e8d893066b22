import { ensureBinaries } from './binaries.ts'
import { findCommand } from './debian.ts'
import { ClusterError } from './errors.ts'
import type { Progress } from './progress.ts'

/** Path of kubectl or helm: the one on PATH where a person has brought a cluster of his own, else the pinned one, built if need be. */
export async function clusterTool(name: 'kubectl' | 'helm', progress: Progress): Promise<string> {
  return findCommand(name) ?? (await ensureBinaries([name], { progress }))[name]
}

/** @throws ClusterError `MissingPrerequisite` with how to get it, if a program is not on PATH */
export function requireCommand(name: string, howToGet: string): string {
  const path = findCommand(name)
  if (path === undefined) throw new ClusterError('MissingPrerequisite', `${name} was not found: ${howToGet}`)
  return path
}
