import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { containerEnds, containerRuns, dropPod, evictPod, killContainer } from './data-faults-containers.ts'
import type { FaultedInstance } from './data-faults.ts'
import { instanceReady } from './instance.ts'
import { backupType, endOf, restoreType, type Run } from './backup-store.ts'
import { lostName as name } from './losses-engines.ts'

/** What kills came to. */
export interface Kills {
  /** Those that found the run alive. */
  readonly landed: number
  readonly tried: number
}

/** Ends the Job of a backup at these parts of its run, each time another backup. */
export async function killBackups(faulted: FaultedInstance, wholeMs: number, tenths: readonly number[]): Promise<Kills> {
  let landed = 0
  for (const tenth of tenths) {
    const what = `the process being killed at ${tenth}/11 of its run`
    const begun = await faulted.backUp()
    const running = await faulted.runs(begun)
    await sleep(Math.max(0, running.since + (wholeMs * tenth) / 11 - performance.now()))
    const hit = killContainer(running)
    // One that was over before has succeeded, and says so.
    const told = await faulted.tells(what, begun, /^False:Failed .*exit code 137|^True:Completed/)
    if (hit && told.startsWith('False')) landed += 1
    else await faulted.succeeds(begun)
    await faulted.look(what)
  }
  await faulted.next('kills')
  return { landed, tried: tenths.length }
}

/** Takes the pods of backups away at these parts of their runs: an evicted one goes on in another pod, a deleted one ends, and says so. */
export async function dropPods(faulted: FaultedInstance, wholeMs: number, tenths: readonly number[]): Promise<void> {
  const { api, namespace } = faulted.place
  for (const [how, drop, truth] of [
    ['evicted', evictPod, /^Unknown:Running The pod of a try was taken away|^True:Completed/],
    ['deleted', dropPod, /^False:Failed .*exit code|^True:Completed/],
  ] as const) {
    for (const tenth of tenths) {
      const what = `the pod being ${how} at ${tenth}/11 of its run`
      const begun = await faulted.backUp()
      const running = await faulted.runs(begun)
      await sleep(Math.max(0, running.since + (wholeMs * tenth) / 11 - performance.now()))
      await drop(api, namespace, running.pod)
      const told = await faulted.tells(what, begun, truth)
      await faulted.look(what)
      if (!told.startsWith('False')) await faulted.succeeds(begun)
      await faulted.look(what)
    }
  }
  await faulted.next('pods that were taken away')
}

/** Kills the Job of a restore in place at these fifths of its run: the archive is in its place as a whole, or what was there before is served. */
export async function killRestores(faulted: FaultedInstance, fifths: readonly number[]): Promise<readonly string[]> {
  const { api, namespace } = faulted.place
  const { person } = faulted
  faulted.hurry()
  const begun = await faulted.backUp()
  await faulted.succeeds(begun)
  const backupID = (await api.get<Run>(backupType, begun.name, namespace))?.status?.backupID ?? ''
  let wholeMs = 0
  const ends: string[] = []
  for (const fifth of [undefined, ...fifths]) {
    const marker = `Written after the archive ${fifth ?? 'first'}`
    await person.createNote(marker, 'and lost by a restore that ends')
    const restore = `restore-${fifth ?? 'whole'}`
    const spec = { instanceRef: { name }, mode: 'InPlace', confirm: name, source: { backupID } }
    await api.create({ ...restoreType, metadata: { name: restore, namespace }, spec })
    const job = await restoreJob(faulted)
    const running = await containerRuns(api, namespace, job, 'restore')
    if (fifth === undefined) wholeMs = await containerEnds(api, namespace, job, 'restore', running)
    else {
      await sleep(Math.max(0, running.since + (wholeMs * fifth) / 5 - performance.now()))
      killContainer(running)
    }
    const ended = await waitFor(
      async () => {
        const run = await api.get<Run>(restoreType, restore, namespace)
        return run !== undefined && !endOf(run).startsWith('Unknown') && !endOf(run).startsWith('undefined') ? endOf(run) : undefined
      },
      { what: `${restore} ending`, timeoutMs: 180_000, intervalMs: 200 },
    )
    await instanceReady(api, namespace, name, 120_000)
    const page = await waitFor(
      async () => {
        const { status, body } = await person.get('/')
        return status === 200 ? body : undefined
      },
      { what: 'the notes', timeoutMs: 60_000 },
    )
    const isOld = page.includes(marker)
    if (!page.includes('Remember the milk')) throw new Error(`${restore} ended with ${ended}, and the notes are gone`)
    if (ended.startsWith('True') === isOld)
      throw new Error(`${restore} ended with ${ended}, and the data is that of ${isOld ? 'before' : 'the archive'}`)
    ends.push(`${fifth === undefined ? 'not killed' : `killed at ${fifth}/5`}: ${ended.slice(0, 80)}`)
    await faulted.look(restore)
  }
  return ends
}

/** Name of the Job of the restore in place that is under way. */
async function restoreJob({ place: { api, namespace } }: FaultedInstance): Promise<string> {
  return await waitFor(
    async () => {
      const jobs = await api.list<Job>({ apiVersion: 'batch/v1', kind: 'Job' }, namespace)
      return jobs.find(({ metadata, status }) => metadata.annotations?.['notejam.io/run'] === 'restore' && !isOver(status))?.metadata.name
    },
    { what: 'the Job of the restore', timeoutMs: 120_000, intervalMs: 100 },
  )
}

interface Job extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

function isOver(status: Job['status']): boolean {
  return status?.conditions?.some(({ type, status: is }) => is === 'True' && (type === 'Complete' || type === 'Failed')) === true
}
