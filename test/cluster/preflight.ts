import { existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { ensureDebian } from './debian.ts'
import { ClusterError } from './errors.ts'
import type { Progress } from './progress.ts'
import { stateFolder } from './state-folder.ts'

/** GiB that a cluster needs to begin with: images of a few workloads on each node. */
const NEEDED_GIB = 2

const INSTEAD = 'CLUSTER=kind and CLUSTER=current need none of this, and the tests of the control plane neither'

function freeGib(path: string): number {
  let folder = path
  while (!existsSync(folder)) folder = dirname(folder)
  const { bavail, bsize } = statfsSync(folder)
  return (bavail * bsize) / 2 ** 30
}

/**
 * Looks whether this machine can have nodes, and installs what is missing where it may, before anything is begun.
 * @throws ClusterError `MissingPrerequisite` or `NotRoot` with what to do
 */
export async function preflight(progress: Progress): Promise<void> {
  if (process.platform !== 'linux')
    throw new ClusterError('MissingPrerequisite', `nodes need Linux, and this is ${process.platform}: ${INSTEAD}`)
  if (process.getuid?.() !== 0)
    throw new ClusterError('NotRoot', `nodes need root for namespaces, mounts and cgroups: run this as root; ${INSTEAD}`)
  const free = freeGib(stateFolder())
  if (free < NEEDED_GIB) {
    throw new ClusterError(
      'MissingPrerequisite',
      `${free.toFixed(1)} GiB are free on the disk of ${stateFolder()}, and a cluster needs ${NEEDED_GIB}: free some, or set XDG_STATE_HOME`,
    )
  }
  await ensureDebian(['nodes'], { progress })
}
