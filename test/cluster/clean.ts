import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheRoot } from './cache.ts'
import { clusterNames, readRecord } from './cluster-record.ts'
import { ClusterError } from './errors.ts'
import type { Progress } from './progress.ts'
import { stateFolder } from './state-folder.ts'

const REPOSITORY = join(import.meta.dirname, '..', '..')

/**
 * Removes what can be made again: build output, test results, logs of failed starts, and the cache of binaries and images. Gives a line for
 * each thing that went.
 * @throws ClusterError `Busy` while a cluster is up: its programs run from the cache
 */
export async function cleanCache(progress: Progress, repository = REPOSITORY): Promise<readonly string[]> {
  const up = clusterNames().filter((name) => readRecord(name) !== undefined)
  if (up.length > 0)
    throw new ClusterError('Busy', `cluster ${up.join(', ')} is up and runs from the cache: end it first with "down --all"`)
  const folders = ['app/dist', 'operator/dist', 'test-results', 'coverage'].map((folder) => join(repository, folder))
  const found = [...folders, join(stateFolder(), 'failed'), cacheRoot()].filter((folder) => existsSync(folder))
  return await progress.step('clean', async () => {
    for (const folder of found) rmSync(folder, { recursive: true, force: true })
    return await Promise.resolve(found.map((folder) => `removed ${folder}`))
  })
}
