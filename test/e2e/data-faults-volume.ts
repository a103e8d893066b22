import { chmod, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../cluster/command.ts'
import { waitFor } from '../cluster/wait-for.ts'
import { ArchiveWatch } from './data-faults-archives.ts'
import type { FaultedInstance } from './data-faults.ts'
import { getInstance, instanceReady } from './instance.ts'
import { lostName as name } from './losses-engines.ts'

const instanceType = { apiVersion: 'notejam.io/v1', kind: 'NotejamInstance' }

/** A store on a disk of this machine that becomes full in the middle of an archive, and is made empty again. Needs nodes that are this machine. */
export async function fillDisk(faulted: FaultedInstance): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'notejam-small-disk-'))
  await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=256m', 'notejam-small-disk', folder])
  try {
    await chmod(folder, 0o777)
    await createShelf(faulted, folder)
    await useStore(faulted, 'shelf')
    await fill(faulted, folder)
  } finally {
    await useStore(faulted, 'offsite')
    await runCommand('umount', ['--lazy', folder])
    await rm(folder, { recursive: true })
  }
}

async function fill(faulted: FaultedInstance, folder: string): Promise<void> {
  const what = 'the disk of a store being full'
  const shelf = new ArchiveWatch(folder)
  const look = async (when: string): Promise<void> => {
    const short = await shelf.shortcomings()
    if (short.length > 0 || shelf.good === 0) throw new Error(`${when}: ${short.join('; ')}; ${shelf.good} archives`)
  }
  const empty = await free(folder)
  await ended(faulted, await faulted.backUp(), /^True:Completed/)
  await look('the first archive')
  const size = empty - (await free(folder))
  const ballast = join(folder, 'ballast')
  await writeFile(ballast, Buffer.alloc((await free(folder)) - Math.floor(size / 2)))
  const begun = await faulted.backUp()
  const told = await faulted.tells(what, begun, /^(False:\w+|Unknown:Running A try failed).*(ENOSPC|no space|full)/i)
  await look(what)
  await rm(ballast)
  const next = told.startsWith('False') ? await faulted.backUp() : begun
  await ended(faulted, next, /^True:Completed/)
  await look('the backup after it')
}

async function free(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

async function ended(faulted: FaultedInstance, { name: backup }: { readonly name: string }, wanted: RegExp): Promise<void> {
  const state = await waitFor(
    async () => {
      const found = await faulted.state(backup)
      return /^(True|False):/.test(found) ? found : undefined
    },
    { what: `${backup} ending`, timeoutMs: 180_000 },
  )
  if (!wanted.test(state)) throw new Error(`${backup} ended with ${state}`)
}

async function createShelf({ place: { api, namespace } }: FaultedInstance, path: string): Promise<void> {
  const volume = `small-disk-${namespace}`
  const shared = { accessModes: ['ReadWriteOnce'], storageClassName: 'small-disk' }
  const [node] = await api.list({ apiVersion: 'v1', kind: 'Node' })
  const onNode = { key: 'kubernetes.io/hostname', operator: 'In', values: [node?.metadata.name] }
  await api.create({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: volume },
    spec: {
      ...shared,
      capacity: { storage: '256Mi' },
      persistentVolumeReclaimPolicy: 'Retain',
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [onNode] }] } },
    },
  })
  const requests = { storage: '256Mi' }
  await api.create({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'shelf', namespace },
    spec: { ...shared, volumeName: volume, resources: { requests } },
  })
  await api.create({
    apiVersion: 'notejam.io/v1',
    kind: 'NotejamBackupStore',
    metadata: { name: 'shelf', namespace },
    spec: { volume: { claimName: 'shelf' }, encryption: { mode: 'None' } },
  })
}

async function useStore({ place: { api, namespace } }: FaultedInstance, store: string): Promise<void> {
  await api.patch(instanceType, name, namespace, { spec: { backup: { storeRef: { name: store } } } })
  await waitFor(
    async () => {
      const instance = await getInstance(api, namespace, name)
      return instance?.status?.observedGeneration === instance?.metadata.generation
    },
    { what: `${store} being used`, timeoutMs: 30_000 },
  )
  await instanceReady(api, namespace, name, 60_000)
}
