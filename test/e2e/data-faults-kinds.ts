import { setTimeout as sleep } from 'node:timers/promises'
import type { StoreFault } from '../app/faulty-store.ts'
import { OPERATOR_NAMESPACE } from '../cluster/operator-install.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { dropPod, killContainer, containerRuns } from './data-faults-containers.ts'
import type { BegunBackup, FaultedInstance } from './data-faults.ts'
import { instanceTells, scheduledEnds, startScheduled } from './data-faults-scheduled.ts'
import { getInstance, instanceReady } from './instance.ts'
import { lostName as name } from './losses-engines.ts'

/** A fault that is made while a backup runs, and what is looked at. */
export type MakeFault = (faulted: FaultedInstance) => Promise<void>

const secretType = { apiVersion: 'v1', kind: 'Secret' }
const instanceType = { apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' }

/** The store fails until the state has said so; then the same backup is tried again by itself, and succeeds. */
function storeFails(what: string, fault: StoreFault, which: 'writes' | 'all' | 'data', truth: RegExp): MakeFault {
  return async (faulted) => {
    faulted.fail(fault, which)
    const begun = await faulted.backUp()
    await faulted.tells(what, begun, truth)
    await ends(faulted, begun, what)
  }
}

async function ends(faulted: FaultedInstance, begun: BegunBackup, what: string): Promise<void> {
  await faulted.look(what)
  faulted.slow()
  await faulted.succeeds(begun)
  await faulted.look(what)
}

const answer = (status: number, code: string): StoreFault => ({ type: 'answer', status, code })
/** The run that failed is tried again, or is over: both name the store. */
const tried = (why: string) => new RegExp(`^Unknown:Running A try failed with exit code 7: .*offsite.*(${why})`)

/** Time jumps so far, some seconds after the start of the process. */
function clockJumps(what: string, days: number): MakeFault {
  return async (faulted) => {
    const code = `const R=Date,t=R.now(),o=()=>R.now()-t>2500?${days}*864e5:0;globalThis.Date=class extends R{constructor(...a){if(a.length)super(...a);else super(R.now()+o())}static now(){return R.now()+o()}}`
    const job = `jump-${days < 0 ? 'back' : 'forth'}`
    const uid = await startScheduled(faulted, job, [
      { name: 'NODE_OPTIONS', value: `--import=data:text/javascript,${encodeURIComponent(code)}` },
    ])
    const end = await scheduledEnds(faulted, job)
    const isGood = end === 'Complete'
    const told = await instanceTells(
      faulted,
      ({ current, lastSuccessful = '' }) =>
        (current.startsWith('True:Recent') ? isGood : current.startsWith('False:')) &&
        Date.parse(lastSuccessful || '0') < Date.now() + 600_000,
      `the truth about ${job}, which ended ${end}`,
    )
    faulted.results.push({
      fault: what,
      told: `${told.current} (the run: ${end}, archives: ${await faulted.archives.countOf(uid)})`,
      toldSeconds: told.seconds,
    })
    await faulted.look(what)
    const after = Date.now() - 1000
    const next = `after-${job}`
    await startScheduled(faulted, next)
    if ((await scheduledEnds(faulted, next)) !== 'Complete') throw new Error(`the run after ${what} failed`)
    await instanceTells(
      faulted,
      ({ current, lastSuccessful = '' }) => current.startsWith('True:Recent') && Math.abs(Date.parse(lastSuccessful) - after) < 120_000,
      `the truth about ${next}`,
    )
    await faulted.look(next)
  }
}

/** Faults by their names. */
export const faultKinds = {
  answers500: storeFails('the store answering 500', answer(500, 'InternalError'), 'writes', tried('500|InternalError')),
  answers503: storeFails('the store answering 503', answer(503, 'SlowDown'), 'all', tried('503|SlowDown')),
  cut: storeFails('connections to the store being cut', { type: 'cutRequest', bytes: 100_000 }, 'data', tried('.')),
  full: storeFails('the store being full', answer(507, 'InsufficientStorage'), 'data', tried('507|InsufficientStorage')),
  denied: storeFails('the store refusing while an archive is sent', answer(403, 'AccessDenied'), 'data', tried('403|AccessDenied')),

  slow: async (faulted) => {
    const what = 'the store taking a tenth of the bytes'
    faulted.proxy.plan = () => ({ type: 'slow', bytesPerSecond: 150_000 })
    const begun = await faulted.backUp()
    const running = await faulted.runs(begun)
    await sleep(20_000 - (performance.now() - running.since))
    await faulted.tells(what, begun, /^Unknown:Running The data of notes is being backed up/)
    await faulted.look(what)
    faulted.slow()
    await faulted.succeeds(begun)
    await faulted.look(what)
  },

  withdrawn: async (faulted) => {
    const what = 'credentials being withdrawn'
    const { api, namespace } = faulted.place
    const secret = (
      await api.get<{ apiVersion: string; kind: string; metadata: { name: string }; data: Record<string, string> }>(
        secretType,
        'offsite-s3',
        namespace,
      )
    )?.data
    await api.patch(secretType, 'offsite-s3', namespace, { stringData: { 'secret-access-key': 'another' } })
    const begun = await faulted.backUp()
    await faulted.tells(what, begun, tried('403|Signature|AccessDenied'))
    await api.patch(secretType, 'offsite-s3', namespace, { data: secret })
    await ends(faulted, begun, what)
  },

  twoRuns: async (faulted) => {
    const what = 'two runs at once, and one of the schedule beside them'
    const [first, second] = [await faulted.backUp(), await faulted.backUp()]
    const uid = await startScheduled(faulted, 'beside')
    await faulted.tells(what, second, new RegExp(`^Unknown:Pending .*(${first.name}|${first.job}|beside)`))
    await faulted.succeeds(first)
    await faulted.succeeds(second)
    const end = await scheduledEnds(faulted, 'beside')
    if (end !== 'Complete' || (await faulted.archives.countOf(uid)) !== 1) throw new Error(`the run of the schedule ended ${end}`)
    await faulted.look(what)
  },

  scheduledKilled: async (faulted) => {
    const what = 'a run of the schedule being killed'
    const { api, namespace } = faulted.place
    await startScheduled(faulted, 'killed')
    const running = await containerRuns(api, namespace, 'killed', 'backup')
    await sleep(2000)
    killContainer(running)
    const told = await instanceTells(
      faulted,
      ({ current }) => /^False:LastRunFailed .*137/.test(current),
      'the truth about a run that was killed',
    )
    faulted.results.push({ fault: what, told: told.current, toldSeconds: told.seconds })
    await faulted.look(what)
    await faulted.next(what)
    await instanceTells(faulted, ({ current }) => current.startsWith('True:Recent'), 'the truth about the backup after it')
  },

  databaseRestarted: async (faulted) => {
    const what = 'the database being restarted'
    const { kubectl, namespace } = faulted.place
    const server = faulted.engine === 'mariadb' ? 'mariadb' : 'postgres'
    const begun = await faulted.backUp()
    const running = await faulted.runs(begun)
    await sleep(Math.max(0, running.since + 2500 - performance.now()))
    await kubectl.run(['exec', '-n', namespace, `deploy/${server}`, '--', 'sh', '-c', `kill -${server === 'postgres' ? 'INT' : 'TERM'} 1`])
    await faulted.tells(what, begun, /^False:Failed .*exit code 1|^True:Completed/)
    await faulted.look(what)
    await waitFor(async () => (await faulted.person.get('/')).status === 200, {
      what: 'the notes after the restart',
      timeoutMs: 90_000,
      intervalMs: 250,
    })
    await faulted.next(what)
  },

  operatorKilled: async (faulted) => {
    const what = 'the operator being killed'
    const { api } = faulted.place
    const begun = await faulted.backUp()
    const running = await faulted.runs(begun)
    await sleep(Math.max(0, running.since + 1000 - performance.now()))
    for (const { metadata } of await api.list({ apiVersion: 'v1', kind: 'Pod' }, OPERATOR_NAMESPACE))
      await dropPod(api, OPERATOR_NAMESPACE, metadata.name)
    await faulted.tells(what, begun, /^True:Completed/)
    await faulted.succeeds(begun)
    await faulted.look(what)
  },

  scratchFull: async (faulted) => {
    const what = 'the scratch volume being full'
    const { api, namespace } = faulted.place
    const scratch = async (scratchSize: string): Promise<void> => {
      await api.patch(instanceType, name, namespace, { spec: { backup: { verification: { scratchSize } } } })
      await waitFor(
        async () => {
          const instance = await getInstance(api, namespace, name)
          return instance?.status?.observedGeneration === instance?.metadata.generation
        },
        { what: 'the new size', timeoutMs: 30_000 },
      )
    }
    // What is copied there first is more than that, and the kubelet looks every ten seconds.
    await faulted.fill(60_000)
    faulted.proxy.plan = () => ({ type: 'slow', bytesPerSecond: 500_000 })
    await scratch('64Mi')
    const begun = await faulted.backUp()
    await faulted.tells(what, begun, /^False:Failed .*evicted: .*scratch.* exceeds/)
    await faulted.look(what)
    await api.delete({ apiVersion: 'notejam.io/v1', kind: 'NotejamBackup' }, begun.name, namespace)
    await scratch('2Gi')
    await instanceReady(api, namespace, name, 60_000)
    await faulted.next(what)
  },

  clockForth: clockJumps('the clock jumping 30 days forth', 30),
  clockBack: clockJumps('the clock jumping 30 days back', -30),
} as const satisfies Readonly<Record<string, MakeFault>>

/** Name of a fault. */
export type FaultKind = keyof typeof faultKinds
